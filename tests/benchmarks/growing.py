"""A database of any size: accounts copied from a few that the services made, and one
account with many images and a long ledger. The books of all of them add up."""

from typing import Any

import psycopg
from django.apps import apps
from django.db.models import Field, Model

from accounts.models import Account, User
from quota.models import (
    Image,
    ImageSource,
    Invoice,
    LedgerBatch,
    NameUsage,
    QuotaWindow,
    Scan,
    ScanTask,
    UsageBin,
)
from quota.services import grouping
from tests.benchmarks.conftest import NOW, analyze, run
from tests.conftest import as_owner

# Rows that name another by value, as the ledger does.
BY_VALUE: dict[str, type[Model]] = {"scan": Scan, "task": ScanTask, "result": Scan}
# Written by the trigger of the ledger, or by the job that numbers.
NOT_COPIED = {UsageBin, LedgerBatch, NameUsage, Invoice}
TASK = 1_000


class Copier:
    """Copies an account, with its creator and all rows it owns, any number of times.

    Row ``r`` of ``count`` in a table becomes ``start + (copy - 1) * count + r``: what
    refers to it is found without being looked up.
    """

    def __init__(self, owner: psycopg.Connection, account: Account, slug: str) -> None:
        self._owner = owner
        self._slug = slug
        self._account = account.pk
        creator = account.members.get(is_creator=True).user_id
        self._mine: dict[type[Model], list[int]] = {
            User: [creator],
            Account: [account.pk],
        }
        for model in apps.get_models():
            if _is_owned(model) and model not in NOT_COPIED:
                rows = model._default_manager.filter(account=account).order_by("pk")
                if ids := list(rows.values_list("pk", flat=True)):
                    self._mine[model] = ids
        self._starts: dict[type[Model], int] = {}

    def make(self, copies: int) -> None:
        """Write the copies, table by table; what refers comes after what it names."""
        with self._owner.transaction():
            self._owner.execute("SET CONSTRAINTS ALL DEFERRED")
            for model, ids in self._mine.items():
                self._starts[model] = self._reserved(model, len(ids) * copies)
            for model in self._mine:
                self._copy(model, copies)

    def _reserved(self, model: type[Model], rows: int) -> int:
        """Take that many ids out of the table's sequence."""
        table = model._meta.db_table
        found = self._owner.execute(
            "SELECT setval(s, nextval(s) + %s) - %s"
            " FROM pg_get_serial_sequence(%s, 'id') s",
            [rows, rows, table],
        ).fetchone()
        assert found
        return int(found[0])

    def _copy(self, model: type[Model], copies: int) -> None:
        fields = [f for f in model._meta.concrete_fields if not f.generated]
        names = ", ".join(str(f.column) for f in fields)
        values = ", ".join(self._value(model, field) for field in fields)
        self._owner.execute(
            f"INSERT INTO {model._meta.db_table} ({names}) SELECT {values}"  # noqa: S608
            f" FROM {model._meta.db_table} row, generate_series(1, %(copies)s) copy"
            " WHERE row.id = ANY(%(ids)s) ORDER BY copy, row.id",
            {"copies": copies, "ids": self._mine[model]},
        )

    def _value(self, model: type[Model], field: "Field[Any, Any]") -> str:
        column = f"row.{field.column}"
        if field.primary_key:
            return self._renumbered(model, column)
        if (model, field.name) == (Account, "slug"):
            return f"'{self._slug}-' || copy"
        if (model, field.name) == (User, "email"):
            return f"'{self._slug}-' || copy || '@example.com'"
        target: Any = field.related_model or BY_VALUE.get(field.name)
        if target in self._mine:
            return f"coalesce({self._renumbered(target, column)}, {column})"
        return "NULL" if field.name == "invoiced_at" else column

    def _renumbered(self, model: type[Model], column: str) -> str:
        ids = self._mine[model]
        ranks = f"array_position(ARRAY{ids}::bigint[], {column}::bigint)"
        return f"({self._starts[model]} + (copy - 1) * {len(ids)} + {ranks})"


def _is_owned(model: type[Model]) -> bool:
    names = {field.name for field in model._meta.concrete_fields}
    return "account" in names and model._meta.app_label in {"accounts", "quota"}


def copies_of(account: Account, copies: int) -> None:
    """Copy an account that many times."""
    with as_owner() as owner:
        Copier(owner, account, f"{account.slug}-copy").make(copies)


def many_images(account: Account, count: int) -> None:
    """Local images that were sighted; every second one scanned for the first time in
    one of the windows that are over; one scanned image in five has a finding, shared
    by ten images."""
    source = ImageSource.objects.create(
        account=account, kind="oci-layout", location="/nowhere"
    )
    given = {
        "account": account.pk,
        "now": NOW,
        "count": count,
        "scans": count // 2,
        "tasks": -(-count // 2 // TASK),
        "task": TASK,
        "source": source.pk,
        "groups": max(1, count // 2 // 50),
        "windows": _over(account),
        "scan_0": _taken(Scan, count // 2),
        "task_0": _taken(ScanTask, count // 2 // TASK + 1),
        "image_0": _taken(Image, count),
    }
    for sql in (IMAGES, SIGHTINGS, TASKS, SCANS, CHARGES, USED, GROUPS, FINDINGS):
        run("DISCARD PLANS")
        run(sql, **given)
        analyze()
    grouping.recount(account.pk)


def long_ledger(
    account: Account, entries: int, tenths: int = 1, window: QuotaWindow | None = None
) -> None:
    """Charges of scans whose own rows are gone: a hold and its settlement each, fifty
    scans a task, spread over the windows that are over, or over one of them."""
    windows = [window.pk] if window else _over(account)
    run(
        HISTORY,
        account=account.pk,
        windows=windows,
        each=entries // 2 // len(windows),
        tenths=tenths,
    )


def _over(account: Account) -> list[int]:
    over = QuotaWindow.objects.filter(account=account, ends_at__lte=NOW)
    return list(over.order_by("number").values_list("pk", flat=True))


def _taken(model: type[Model], count: int) -> int:
    """Take ids out of a table's sequence; the first follows the number returned."""
    with as_owner() as owner:
        found = owner.execute(
            "SELECT setval(s, nextval(s) + %s) - %s"
            " FROM pg_get_serial_sequence(%s, 'id') s",
            [count, count, model._meta.db_table],
        ).fetchone()
    assert found
    return int(found[0])


DIGEST = "'sha256:' || encode(sha256((%(account)s || ':' || n)::bytea), 'hex')"
IMAGES = f"""
    INSERT INTO quota_image (id, account_id, digest, os, architecture, variant, size,
        first_seen_at, is_local, name, tag, tags, containers, is_repository, repository,
        repository_tag, repository_tags, repository_search, outcome, outcome_reason,
        active_at, scanned_at, result, first_scans, repeat_scans, critical, high,
        medium, low, unknown, trojans, sensitive, risk)
    SELECT %(image_0)s + n, %(account)s, {DIGEST}, 'linux', 'amd64', '', 1000000,
        %(now)s - interval '400 days', true, 'team-' || n %% 37 || '/' ||
        (ARRAY['payments', 'web', 'data', 'ml'])[1 + n %% 4] || '-' ||
        lpad(n::text, 7, '0'), '1.' || n %% 9, 1, n %% 50, false, '', '', 0, '',
        CASE WHEN n <= %(scans)s THEN 'scanned' ELSE 'not_scanned' END, '',
        %(now)s - n * interval '1 second',
        CASE WHEN n <= %(scans)s THEN %(now)s - interval '40 days' END,
        CASE WHEN n <= %(scans)s THEN %(scan_0)s + n END, (n <= %(scans)s)::int, 0,
        CASE WHEN n <= %(scans)s THEN 0 END,
        CASE WHEN n <= %(scans)s THEN (n %% 5 = 0)::int END,
        CASE WHEN n <= %(scans)s THEN 0 END, CASE WHEN n <= %(scans)s THEN 0 END,
        CASE WHEN n <= %(scans)s THEN 0 END, CASE WHEN n <= %(scans)s THEN 0 END,
        CASE WHEN n <= %(scans)s THEN 0 END,
        CASE WHEN n <= %(scans)s THEN (n %% 5 = 0)::int * 1000 ELSE -1 END
    FROM generate_series(1, %(count)s) n
"""  # noqa: S608 -- our own text
SIGHTINGS = """
    INSERT INTO quota_sighting (account_id, image_id, source_id, name, tag, locator,
        tag_digest, namespace, is_latest, containers, seen_at)
    SELECT account_id, id, %(source)s, name, tag, digest, '', '', false, 0,
        first_seen_at
    FROM quota_image WHERE account_id = %(account)s AND id > %(image_0)s
"""
TASKS = """
    INSERT INTO quota_scantask (id, account_id, key, kind, asked, title, categories,
        time_limit, images, left_out, cost_tenths, requested_at, begun_at, ended_at,
        settled, released, failed, first_scans, used_tenths, returned_tenths, at_risk,
        critical, high, trojans, sensitive)
    SELECT %(task_0)s + t, %(account)s, gen_random_uuid(), 'local', '{}',
        'Selected local images', '{vulnerabilities}', 3600, count(*), 0,
        count(*) * 10, made, made, made + interval '1 hour', count(*), 0, 0, count(*),
        count(*) * 10, 0, sum((n %% 5 = 0)::int), 0, sum((n %% 5 = 0)::int), 0, 0
    FROM (
        SELECT n, t, %(now)s - interval '41 days' - t * interval '10 minutes' AS made
        FROM generate_series(1, %(scans)s) n
        CROSS JOIN LATERAL (SELECT 1 + (n - 1) / %(task)s) x(t)
    ) s
    GROUP BY t, made ORDER BY t
"""
SCANS = """
    INSERT INTO quota_scan (id, account_id, task_id, image_id, image_digest, reason,
        cost_tenths, state, held_at, attempts, claimed_at, ended_at, outcome, message,
        found, assessments, at_risk)
    SELECT i.result, i.account_id, t.id, i.id, i.digest, 'first', 10, 'settled',
        t.begun_at, 1, t.begun_at, t.ended_at, 'succeeded', '',
        jsonb_build_object('critical', 0, 'high', i.high, 'medium', 0, 'low', 0,
                           'unknown', 0),
        '[{"category": "vulnerabilities", "engine": "test", "data_date": null,
           "covered": [], "not_assessed": [], "assessed": true, "note": ""}]',
        i.high > 0
    FROM quota_image i
    JOIN quota_scantask t ON t.account_id = i.account_id
        AND t.id = %(task_0)s + 1 + (i.result - %(scan_0)s - 1) / %(task)s
    WHERE i.account_id = %(account)s AND i.id > %(image_0)s AND i.result IS NOT NULL
"""
# Two entries a scan, the free quota after each as it runs down in its window.
CHARGES = """
    INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
        free_after_tenths, scan, task, image_digest, reason, outcome, created_at)
    SELECT w.account_id, w.id, k.kind, 10, w.free_tenths - 10 * m, s.id, s.task_id,
        s.image_digest, 'first', k.outcome,
        CASE k.kind WHEN 'hold' THEN s.held_at ELSE s.ended_at END
    FROM (
        SELECT *, 1 + (id - %(scan_0)s) %% cardinality(%(windows)s::bigint[]) AS turn,
            row_number() OVER (
                PARTITION BY (id - %(scan_0)s) %% cardinality(%(windows)s::bigint[])
                ORDER BY id
            ) AS m
        FROM quota_scan WHERE account_id = %(account)s AND id > %(scan_0)s
            AND id <= %(scan_0)s + %(scans)s
    ) s
    JOIN quota_quotawindow w ON w.account_id = s.account_id
        AND w.id = (%(windows)s::bigint[])[turn]
    CROSS JOIN (VALUES (1, 'hold', ''), (2, 'settle', 'succeeded'))
        k(position, kind, outcome)
    ORDER BY w.id, m, k.position
"""
USED = """
    UPDATE quota_quotawindow w SET used_tenths = w.used_tenths + e.tenths
    FROM (
        SELECT window_id, sum(tenths) AS tenths FROM quota_ledgerentry
        WHERE account_id = %(account)s AND kind = 'settle' GROUP BY window_id
    ) e
    WHERE w.account_id = %(account)s AND w.id = e.window_id AND w.used_tenths = 0
"""
GROUPS = """
    INSERT INTO quota_findinggroup (account_id, category, identifier, package, severity,
        rank, title, fixed_version, source, images, open_images, decided, first_seen_at)
    SELECT %(account)s, 'vulnerabilities', 'CVE-2026-' || lpad(n::text, 7, '0'),
        'openssl-' || n %% 997, 'high', 1, 'A title of some length, as they are',
        CASE WHEN n %% 3 = 0 THEN '' ELSE '3.0.' || n %% 9 END, 'test', 0, 0, '',
        %(now)s - n * interval '1 minute'
    FROM generate_series(1, %(groups)s) n
"""
FINDINGS = """
    INSERT INTO quota_finding (account_id, image_id, group_id, scan, category, severity,
        rank, identifier, title, package, version, fixed_version, path, layer, evidence,
        source, advice, first_seen_at, state)
    SELECT i.account_id, i.id, g.id, i.result, g.category, g.severity, g.rank,
        g.identifier, g.title, g.package, '3.0.1', g.fixed_version, 'usr/lib/x',
        '2 of 7', '', 'test', 'Upgrade it, then rebuild the image.', g.first_seen_at,
        'open'
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM quota_image
          WHERE account_id = %(account)s AND high > 0) i
    JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place FROM quota_findinggroup
          WHERE account_id = %(account)s) g
        ON g.place = 1 + i.place %% %(groups)s
"""
HISTORY = """
    WITH written AS (
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, scan, task, image_digest, reason, outcome, created_at)
        SELECT w.account_id, w.id, k.kind, %(tenths)s, w.free_tenths - n * %(tenths)s,
            1000000000000 + n, 1000000000 + (n - 1) / 50,
            'sha256:' || encode(sha256((n %% 5000)::text::bytea), 'hex'),
            'repeat', k.outcome,
            w.starts_at + (w.ends_at - w.starts_at)
                * ((n - 1) / 50 / (%(each)s / 50 + 1)::float)
        FROM quota_quotawindow w
        CROSS JOIN generate_series(1, %(each)s) n
        CROSS JOIN (VALUES (1, 'hold', ''), (2, 'settle', 'succeeded'))
            k(position, kind, outcome)
        WHERE w.account_id = %(account)s AND w.id = ANY(%(windows)s)
        ORDER BY w.id, n, k.position
    )
    UPDATE quota_quotawindow SET used_tenths = used_tenths + %(each)s * %(tenths)s
    WHERE account_id = %(account)s AND id = ANY(%(windows)s)
"""
