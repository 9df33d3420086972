"""Where images are seen: what local sources and registries write in common.

Everything runs inside its caller's transaction, after the account's row is locked, in a
constant number of statements.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from quota.models.sql import run
from quota.services import grouping
from quota.sources.content import FoundImage


def rows(found: Sequence[FoundImage], tag_digest: str = "") -> str:
    """Found images as the statements below take them."""
    return json.dumps([row(each, tag_digest) for each in found])


def row(found: FoundImage, tag_digest: str = "") -> dict[str, object]:
    """One found image, cut to what the columns hold."""
    facts = found.facts
    return {
        "digest": facts.digest,
        "os": facts.os[:32],
        "architecture": facts.architecture[:32],
        "variant": facts.variant[:32],
        "size": facts.size,
        "created_at": facts.created_at.isoformat() if facts.created_at else None,
        "name": _cut(found.name, 300),
        "tag": _cut(found.tag, 128),
        "locator": found.locator,
        "containers": found.containers,
        "tag_digest": tag_digest,
        "is_other_platform": found.is_other_platform,
    }


def _cut(text: str, most: int) -> str:
    """At most so many bytes: an index holds an image's words and name beside each
    other, and refuses a row that is longer than a third of a page."""
    return text.encode()[:most].decode(errors="ignore")


def write_images(account_id: int, written: str, now: datetime) -> int:
    """Add the images that are new, and return how many were. One that was seen before,
    wherever that was, keeps its row and so its history (rules 5.1, 5.2)."""
    params = {"account": account_id, "now": now, "rows": written}
    return len(run(WRITE_IMAGES, params))


def ids_of(account_id: int, digests: Collection[str]) -> list[int]:
    """The images of these image IDs."""
    found = run(IDS, {"account": account_id, "digests": list(digests)})
    return [image_id for (image_id,) in found]


def describe(account_id: int, images: Collection[int]) -> None:
    """Say anew on each image's row where it is seen, and under what name. What was
    found counts in the images seen now."""
    moved = run(DESCRIBE, {"account": account_id, "images": list(set(images))})
    if moved:
        grouping.recount(account_id, [image_id for (image_id,) in moved])


ROWS = """
    jsonb_to_recordset(%(rows)s::jsonb) AS r(digest text, os text, architecture text,
        variant text, size bigint, created_at timestamptz, name text, tag text,
        locator text, containers int, tag_digest text, is_other_platform boolean)
"""

WRITE_IMAGES = f"""
    INSERT INTO quota_image (account_id, digest, os, architecture, variant, size,
        created_at, first_seen_at, is_local, name, tag, tags, containers,
        is_repository, repository, repository_tag, repository_tags, repository_search,
        outcome, outcome_reason, active_at, first_scans, repeat_scans, risk)
    SELECT DISTINCT ON (r.digest) %(account)s, r.digest, r.os, r.architecture,
        r.variant, r.size, r.created_at, %(now)s, false, '', '', 0, 0,
        false, '', '', 0, '', 'not_scanned', '', %(now)s, 0, 0, -1
    FROM {ROWS} ORDER BY r.digest
    ON CONFLICT (account_id, digest) DO NOTHING
    RETURNING id
"""  # noqa: S608 -- our own text

IDS = """
    SELECT id FROM quota_image
    WHERE account_id = %(account)s AND digest = ANY(%(digests)s)
"""

# Each list shows an image once, under its first name there; the row says how many tags
# it has. Every tag can be searched for. An image that any tag means by itself is of no
# other platform. A row that would not change is left alone.
DESCRIBE = """
    UPDATE quota_image i
    SET is_local = s.tags > 0, name = coalesce(s.name, i.name),
        tag = coalesce(s.tag, i.tag), tags = s.tags, containers = s.containers,
        is_repository = s.repository_tags > 0,
        repository = coalesce(s.repository, i.repository),
        repository_tag = coalesce(s.repository_tag, i.repository_tag),
        repository_tags = s.repository_tags,
        repository_search = coalesce(s.search, i.repository_search),
        is_other_platform = s.other
    FROM (
        SELECT x.id, count(g.source_id) AS tags,
               coalesce(max(g.containers), 0) AS containers,
               (array_agg(g.name ORDER BY g.name, g.tag)
                   FILTER (WHERE g.source_id IS NOT NULL))[1] AS name,
               (array_agg(g.tag ORDER BY g.name, g.tag)
                   FILTER (WHERE g.source_id IS NOT NULL))[1] AS tag,
               count(DISTINCT (g.name, g.tag))
                   FILTER (WHERE g.registry_id IS NOT NULL) AS repository_tags,
               (array_agg(g.name ORDER BY g.name, g.tag)
                   FILTER (WHERE g.registry_id IS NOT NULL))[1] AS repository,
               (array_agg(g.tag ORDER BY g.name, g.tag)
                   FILTER (WHERE g.registry_id IS NOT NULL))[1] AS repository_tag,
               lower(substr(x.digest, 8, 12)) || ' ' || left(lower(
                   string_agg(DISTINCT g.name || ':' || g.tag, ' ')
                   FILTER (WHERE g.registry_id IS NOT NULL)), 4000) AS search,
               coalesce(bool_and(g.is_other_platform), false) AS other
        FROM quota_image x
        LEFT JOIN quota_sighting g ON g.account_id = %(account)s AND g.image_id = x.id
        WHERE x.account_id = %(account)s AND x.id = ANY(%(images)s)
        GROUP BY x.id
    ) s
    WHERE i.account_id = %(account)s AND i.id = s.id
      AND (i.is_local, i.name, i.tag, i.tags, i.containers, i.is_repository,
           i.repository, i.repository_tag, i.repository_tags, i.repository_search,
           i.is_other_platform)
          IS DISTINCT FROM
          (s.tags > 0, coalesce(s.name, i.name), coalesce(s.tag, i.tag), s.tags,
           s.containers, s.repository_tags > 0, coalesce(s.repository, i.repository),
           coalesce(s.repository_tag, i.repository_tag), s.repository_tags,
           coalesce(s.search, i.repository_search), s.other)
    RETURNING i.id
"""
