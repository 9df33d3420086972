"""Findings across images: one group a risk, with how many images have it.

All of it happens under the account's lock, in a number of statements that does not
grow with the findings.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from quota.models.sql import run_prepared
from quota.scanners.port import Category, Finding


def title_of(finding: Finding) -> str:
    """What the finding is in every image that has it: without its place in this one."""
    if finding.category is Category.TROJANS:
        return ""
    if finding.category is Category.SENSITIVE_DATA:
        return finding.title.partition(" in line ")[0]
    return finding.title


def enter(account_id: int, findings: str, now: datetime) -> None:
    """Give these findings (JSON, as RECORDS reads it) their groups; what a group is
    called follows the latest scan that found it."""
    run_prepared(ENTER, {"account": account_id, "findings": findings, "now": now})


def count(account_id: int, scan_ids: Sequence[int]) -> None:
    """Move the groups' counts by what these scans found and no longer find. Called when
    the new findings are in and the old ones not yet out."""
    run_prepared(COUNT, {"account": account_id, "scans": list(scan_ids)})


def recount(account_id: int, images: Sequence[int] | None = None) -> int:
    """Count anew in which images, of those seen now, each group is found: the groups
    of these images, after they went or came back; or all of them, after findings were
    deleted. Returns how many groups moved."""
    some = "" if images is None else OF_IMAGES
    with connection.cursor() as cursor:
        cursor.execute(
            RECOUNT.format(
                some_f=some.format("f.group_id"), some_o=some.format("o.id")
            ),
            {"account": account_id, "images": list(images or ())},
        )
        return int(cursor.rowcount)


RECORDS = """
    jsonb_to_recordset(%(findings)s::jsonb) AS f(scan bigint, category text,
        severity text, rank smallint, identifier text, title text, package text,
        version text, fixed_version text, path text, layer text, evidence text,
        source text, advice text, group_title text)
"""

# Which findings the results of these scans replace: those of every category assessed.
REPLACED = """
    f.account_id = %(account)s AND s.account_id = %(account)s AND s.id = ANY(%(scans)s)
    AND f.image_id = s.image_id AND f.scan <> s.id
    AND EXISTS (
        SELECT FROM jsonb_array_elements(s.assessments) a
        WHERE a->>'category' = f.category AND (a->>'assessed')::boolean)
"""

ENTER = f"""
    INSERT INTO quota_findinggroup AS g (account_id, category, identifier, package,
        severity, rank, title, fixed_version, source, images, open_images, decided,
        first_seen_at)
    SELECT DISTINCT ON (f.category, f.identifier, f.package) %(account)s, f.category,
        f.identifier, f.package, f.severity, f.rank, f.group_title, f.fixed_version,
        f.source, 0, 0, '', %(now)s
    FROM {RECORDS}
    ORDER BY f.category, f.identifier, f.package, f.rank, f.fixed_version DESC
    ON CONFLICT (account_id, category, identifier, package) DO UPDATE
    SET severity = EXCLUDED.severity, rank = EXCLUDED.rank, title = EXCLUDED.title,
        fixed_version = EXCLUDED.fixed_version, source = EXCLUDED.source
    WHERE (g.severity, g.rank, g.title, g.fixed_version, g.source) IS DISTINCT FROM
        (EXCLUDED.severity, EXCLUDED.rank, EXCLUDED.title, EXCLUDED.fixed_version,
         EXCLUDED.source)
"""  # noqa: S608 -- our own text

# The newest decision that covers an image holds for it.
STATE = """
    CASE WHEN g.decided = '' THEN 'open' ELSE coalesce((
        SELECT t.state FROM quota_triage t
        WHERE t.account_id = %(account)s AND t.group_id = g.id
          AND (t.image_id IS NULL OR t.image_id = s.image_id)
        ORDER BY t.id DESC LIMIT 1
    ), 'open') END
"""

COUNT = f"""
    UPDATE quota_findinggroup g
    SET images = g.images + d.images, open_images = g.open_images + d.open_images
    FROM (
        SELECT c.group_id, sum(c.sign) AS images,
               coalesce(sum(c.sign) FILTER (WHERE c.is_open), 0) AS open_images
        FROM (
            SELECT x.group_id, x.image_id, bool_or(x.state = 'open') AS is_open,
                   CASE WHEN bool_or(x.is_new) THEN 1 ELSE -1 END AS sign
            FROM (
                SELECT f.group_id, f.image_id, f.state, true AS is_new
                FROM quota_finding f
                JOIN quota_scan s ON s.account_id = %(account)s
                    AND s.id = ANY(%(scans)s) AND s.image_id = f.image_id
                    AND s.id = f.scan
                WHERE f.account_id = %(account)s
                UNION ALL
                SELECT f.group_id, f.image_id, f.state, false
                FROM quota_finding f, quota_scan s WHERE {REPLACED}
            ) x
            GROUP BY x.group_id, x.image_id
            HAVING bool_and(x.is_new) OR NOT bool_or(x.is_new)
        ) c
        JOIN quota_image i ON i.account_id = %(account)s AND i.id = c.image_id
        WHERE i.is_local OR i.is_repository
        GROUP BY c.group_id
    ) d
    WHERE g.account_id = %(account)s AND g.id = d.group_id
"""  # noqa: S608 -- our own text

OF_IMAGES = """
    AND {} IN (
        SELECT m.group_id FROM quota_finding m
        WHERE m.account_id = %(account)s AND m.image_id = ANY(%(images)s))
"""

RECOUNT = """
    UPDATE quota_findinggroup g
    SET images = coalesce(c.images, 0), open_images = coalesce(c.open_images, 0)
    FROM quota_findinggroup o
    LEFT JOIN (
        SELECT f.group_id, count(DISTINCT f.image_id) AS images,
               count(DISTINCT f.image_id) FILTER (WHERE f.state = 'open') AS open_images
        FROM quota_finding f
        JOIN quota_image i ON i.account_id = %(account)s AND i.id = f.image_id
        WHERE f.account_id = %(account)s AND (i.is_local OR i.is_repository) {some_f}
        GROUP BY f.group_id
    ) c ON c.group_id = o.id
    WHERE o.account_id = %(account)s AND g.account_id = %(account)s AND g.id = o.id
      {some_o}
      AND (g.images, g.open_images) IS DISTINCT FROM
          (coalesce(c.images, 0), coalesce(c.open_images, 0))
"""
