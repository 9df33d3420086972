"""The SQL of hold, settle, release, lapse and revoke: set-based, one lock order.

Every function here runs inside its caller's transaction, after the account's row is
locked. The number of statements is constant: they are plain ``INSERT … SELECT`` and
``UPDATE``, every one of them filtered by the account, so that the tables can be
distributed by it. The scans of the task are themselves the scratch table of a hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from quota.models import Image, QuotaWindow, ScanTask, Tariff
from quota.rules.allocation import Draw


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a selection comes to before anything is held."""

    images: int
    left_out: int
    firsts: int
    repeats: int
    cost_tenths: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ScanQuote:
    """What a scan would hold, shown before the click (rules 5.4).

    ``scanned`` is what would be scanned: everything, or the part that fits. ``worth``
    is the money value of its quota.
    """

    all: Candidates
    fit: Candidates | None
    available_tenths: int
    worth: Decimal

    @property
    def missing_tenths(self) -> int:
        """How much more quota everything would need; 0 when it fits."""
        return max(0, self.all.cost_tenths - self.available_tenths)


# An image with a result since the subscription began is a repeat (rules 5.2, 6). One
# with a scan in flight is left out (rules 5.7).
PRICED = """
    SELECT i.id, i.digest, i.first_seen_at, i.scanned_at, i.busy, i.is_repeat,
           CASE WHEN i.is_repeat THEN %(repeat)s ELSE %(first)s END AS cost
    FROM (
        SELECT chosen.*,
               scanned_at IS NOT NULL AND scanned_at >= %(history)s AS is_repeat,
               EXISTS (
                   SELECT 1 FROM quota_scan s
                   WHERE s.account_id = %(account)s AND s.image_id = chosen.id
                     AND s.state IN ('queued', 'running')
               ) AS busy
        FROM chosen
    ) i
"""


def _run(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []


def _chosen(images: QuerySet[Image]) -> tuple[str, dict[str, Any]]:
    """Return the selection as a CTE's text with named parameters."""
    columns = images.order_by().values("id", "digest", "first_seen_at", "scanned_at")
    sql, values = columns.query.sql_with_params()
    names = {f"chosen_{number}": value for number, value in enumerate(values)}
    return sql % tuple(f"%({name})s" for name in names), names


def _pricing(tariff: Tariff, account_id: int, history: datetime) -> dict[str, Any]:
    return {
        "account": account_id,
        "first": tariff.first_tenths,
        "repeat": tariff.repeat_tenths,
        "history": history,
    }


def candidates(
    *, account_id: int, images: QuerySet[Image], tariff: Tariff, history: datetime
) -> Candidates:
    """Count what a scan of ``images`` would hold, in one statement.

    ``fingerprint`` identifies the whole set, whatever is in flight in it.
    """
    chosen, names = _chosen(images)
    ((total, busy, firsts, repeats, cost, fingerprint),) = _run(
        f"""
        WITH chosen AS ({chosen}), priced AS ({PRICED})
        SELECT count(*), count(*) FILTER (WHERE busy),
               count(*) FILTER (WHERE NOT busy AND NOT is_repeat),
               count(*) FILTER (WHERE NOT busy AND is_repeat),
               coalesce(sum(cost) FILTER (WHERE NOT busy), 0)::bigint,
               coalesce(sum(hashint8extended(id, 0)), 0)
        FROM priced
        """,  # noqa: S608 -- both parts are ours; values are parameters
        {**names, **_pricing(tariff, account_id, history)},
    )
    return Candidates(
        total - busy, busy, firsts, repeats, cost, f"{total}.{fingerprint}"
    )


def fitting(
    *,
    account_id: int,
    images: QuerySet[Image],
    tariff: Tariff,
    history: datetime,
    within: int,
) -> Candidates:
    """Count the scans that fit into ``within`` tenths (rules 5.5): a prefix of repeats
    by oldest result, then firsts by first sight, ties by image ID."""
    chosen, names = _chosen(images)
    ((firsts, repeats, cost),) = _run(
        f"""
        WITH chosen AS ({chosen}), priced AS ({PRICED}), running AS ({FITTING})
        SELECT count(*) FILTER (WHERE NOT is_repeat),
               count(*) FILTER (WHERE is_repeat), coalesce(sum(cost), 0)::bigint
        FROM running WHERE reached <= %(within)s
        """,  # noqa: S608 -- as above
        {**names, **_pricing(tariff, account_id, history), "within": within},
    )
    return Candidates(firsts + repeats, 0, firsts, repeats, cost, "")


FITTING = """
    SELECT *, sum(cost) OVER (
        ORDER BY is_repeat DESC,
                 CASE WHEN is_repeat THEN scanned_at ELSE first_seen_at END, digest
        ROWS UNBOUNDED PRECEDING
    ) AS reached
    FROM priced WHERE NOT busy
"""


def queue_scans(
    *,
    task: ScanTask,
    images: QuerySet[Image],
    tariff: Tariff,
    history: datetime,
    within: int,
) -> None:
    """Write the scans of ``task``: those of ``images`` that fit into ``within`` tenths
    and have no scan in flight."""
    chosen, names = _chosen(images)
    _run(
        f"""
        WITH chosen AS ({chosen}), priced AS ({PRICED}), running AS ({FITTING})
        INSERT INTO quota_scan (account_id, task_id, image_id, image_digest, reason,
                                cost_tenths, state, held_at, attempts, outcome, message)
        SELECT %(account)s, %(task)s, id, digest,
               CASE WHEN is_repeat THEN 'repeat' ELSE 'first' END,
               cost, 'queued', %(now)s, 0, '', ''
        FROM running WHERE reached <= %(within)s
        ORDER BY digest
        """,  # noqa: S608 -- as above
        {
            **names,
            **_pricing(tariff, task.account_id, history),
            "task": task.pk,
            "now": task.requested_at,
            "within": within,
        },
    )


def hold(*, task: ScanTask, draws: Sequence[Draw]) -> None:
    """Set the quota of the task's scans aside, in the windows that ``draws`` name.

    Draws follow ascending image ID; one scan may draw from two windows (rules 5.8).
    ``window_never_overdrawn`` refuses what does not fit.
    """
    params = {
        "account": task.account_id,
        "task": task.pk,
        "by": task.requested_by_id,
        "now": task.requested_at,
        "windows": [draw.window_id for draw in draws],
        "lows": [draw.from_tenths for draw in draws],
        "highs": [draw.to_tenths for draw in draws],
        "frees": [draw.free_tenths for draw in draws],
    }
    _run(
        """
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, scan, task, image_digest, reason, outcome, by_id,
            created_at)
        SELECT %(account)s, w.id, 'hold',
               least(s.reached, w.high) - greatest(s.reached - s.cost_tenths, w.low),
               w.free - (least(s.reached, w.high) - w.low),
               s.id, %(task)s, s.image_digest, s.reason, '', %(by)s, %(now)s
        FROM (
            SELECT id, image_digest, reason, cost_tenths,
                   sum(cost_tenths) OVER (
                       ORDER BY image_digest ROWS UNBOUNDED PRECEDING
                   ) AS reached
            FROM quota_scan WHERE account_id = %(account)s AND task_id = %(task)s
        ) s
        JOIN unnest(%(windows)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[],
                    %(frees)s::bigint[]) AS w(id, low, high, free)
          ON s.reached > w.low AND s.reached - s.cost_tenths < w.high
        ORDER BY s.reached, w.low
        """,
        params,
    )
    _run(
        """
        UPDATE quota_quotawindow w SET held_tenths = w.held_tenths + d.high - d.low
        FROM unnest(%(windows)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
             AS d(id, low, high)
        WHERE w.account_id = %(account)s AND w.id = d.id
        """,
        params,
    )


def lock_windows_of(account_id: int, scan_ids: Sequence[int]) -> list[QuotaWindow]:
    """Lock the windows in which these scans hold quota, by primary key."""
    held = QuotaWindow.objects.filter(
        account=account_id,
        pk__in=_held_windows(account_id, scan_ids),
    )
    return held.locked()


def _held_windows(account_id: int, scan_ids: Sequence[int]) -> list[int]:
    rows = _run(
        """
        SELECT DISTINCT window_id FROM quota_ledgerentry
        WHERE account_id = %(account)s AND kind = 'hold' AND scan = ANY(%(scans)s)
        """,
        {"account": account_id, "scans": list(scan_ids)},
    )
    return [window_id for (window_id,) in rows]


ENDED = """
    SELECT e.window_id, e.tenths, e.scan, e.task, e.image_digest, e.reason, e.by_id,
           s.outcome
    FROM quota_ledgerentry e
    JOIN quota_scan s ON s.account_id = e.account_id AND s.id = e.scan
    WHERE e.account_id = %(account)s AND e.kind = 'hold' AND e.scan = ANY(%(scans)s)
"""


def settle(account_id: int, scan_ids: Sequence[int], now: datetime) -> None:
    """Book the holds of these scans as used. Their windows are locked.

    A hold belongs to its window: a scan that ends after the boundary settles there
    (rules 5.8). Free quota does not change.
    """
    params = {"account": account_id, "scans": list(scan_ids), "now": now}
    _run(
        f"""
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, scan, task, image_digest, reason, outcome, by_id,
            created_at)
        SELECT %(account)s, h.window_id, 'settle', h.tenths, w.free_tenths, h.scan,
               h.task, h.image_digest, h.reason, h.outcome, h.by_id, %(now)s
        FROM ({ENDED}) h
        JOIN quota_quotawindow w ON w.account_id = %(account)s AND w.id = h.window_id
        ORDER BY h.window_id, h.scan
        """,  # noqa: S608 -- our own text
        params,
    )
    _run(
        f"""
        UPDATE quota_quotawindow w
        SET held_tenths = w.held_tenths - h.tenths,
            used_tenths = w.used_tenths + h.tenths
        FROM (SELECT window_id, sum(tenths) AS tenths FROM ({ENDED}) e
              GROUP BY window_id) h
        WHERE w.account_id = %(account)s AND w.id = h.window_id
        """,  # noqa: S608 -- our own text
        params,
    )


def release(account_id: int, scan_ids: Sequence[int], now: datetime) -> None:
    """Give the holds of these scans back. Their windows are locked.

    In a window that has lapsed, each release lapses at once (rules 3.4).
    """
    params = {"account": account_id, "scans": list(scan_ids), "now": now}
    _run(
        f"""
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, scan, task, image_digest, reason, outcome, by_id,
            created_at)
        SELECT %(account)s, h.window_id, k.kind, h.tenths,
               w.free_tenths + CASE
                   WHEN w.lapsed_at IS NULL THEN sum(h.tenths) OVER (
                       PARTITION BY h.window_id ORDER BY h.scan
                       ROWS UNBOUNDED PRECEDING)
                   WHEN k.kind = 'release' THEN h.tenths
                   ELSE 0 END,
               h.scan, h.task, h.image_digest, h.reason, h.outcome, h.by_id, %(now)s
        FROM ({ENDED}) h
        JOIN quota_quotawindow w ON w.account_id = %(account)s AND w.id = h.window_id
        JOIN (VALUES ('release', 1), ('lapse', 2)) AS k(kind, position)
          ON k.kind = 'release' OR w.lapsed_at IS NOT NULL
        ORDER BY h.window_id, h.scan, k.position
        """,  # noqa: S608 -- our own text
        params,
    )
    _run(
        f"""
        UPDATE quota_quotawindow w
        SET held_tenths = w.held_tenths - h.tenths,
            lapsed_tenths = w.lapsed_tenths
                + CASE WHEN w.lapsed_at IS NULL THEN 0 ELSE h.tenths END
        FROM (SELECT window_id, sum(tenths) AS tenths FROM ({ENDED}) e
              GROUP BY window_id) h
        WHERE w.account_id = %(account)s AND w.id = h.window_id
        """,  # noqa: S608 -- our own text
        params,
    )


def grant(window_ids: Sequence[int], account_id: int, now: datetime) -> None:
    """Book the grant of windows just written."""
    _run(
        """
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, image_digest, reason, outcome, created_at)
        SELECT account_id, id, 'grant', granted_tenths, granted_tenths, '', '', '',
               %(now)s
        FROM quota_quotawindow
        WHERE account_id = %(account)s AND id = ANY(%(windows)s)
        ORDER BY id
        """,
        {"account": account_id, "windows": list(window_ids), "now": now},
    )


def lapse(account_id: int, window_ids: Sequence[int], now: datetime) -> None:
    """Book what is free in these ended windows as lapsed, once each (rules 3.4).

    Quota still held stays held; when released it lapses at once.
    """
    params = {"account": account_id, "windows": list(window_ids), "now": now}
    _run(
        """
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, image_digest, reason, outcome, created_at)
        SELECT account_id, id, 'lapse', free_tenths, 0, '', '', '', %(now)s
        FROM quota_quotawindow
        WHERE account_id = %(account)s AND id = ANY(%(windows)s) AND lapsed_at IS NULL
        ORDER BY id
        """,
        params,
    )
    _run(
        """
        UPDATE quota_quotawindow
        SET lapsed_tenths = lapsed_tenths + free_tenths, lapsed_at = %(now)s
        WHERE account_id = %(account)s AND id = ANY(%(windows)s) AND lapsed_at IS NULL
        """,
        params,
    )


def revoke(account_id: int, pack_id: int, now: datetime) -> None:
    """Take back what is free in the windows of a refunded pack that are not over
    (rules 8.5). They are locked, and nothing is held in them: none of them is ever
    drawn from again. A window that is over lapses as it would have.
    """
    params = {"account": account_id, "pack": pack_id, "now": now}
    _run(
        """
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, image_digest, reason, outcome, created_at)
        SELECT account_id, id, 'revoke', free_tenths, 0, '', '', '', %(now)s
        FROM quota_quotawindow
        WHERE account_id = %(account)s AND pack_id = %(pack)s
          AND ends_at > %(now)s AND free_tenths > 0
        ORDER BY id
        """,
        params,
    )
    _run(
        """
        UPDATE quota_quotawindow SET revoked_tenths = revoked_tenths + free_tenths
        WHERE account_id = %(account)s AND pack_id = %(pack)s
          AND ends_at > %(now)s AND free_tenths > 0
        """,
        params,
    )
