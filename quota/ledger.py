"""The SQL of hold, settle, release, lapse and revoke: set-based, one lock order.

Every function here runs inside its caller's transaction, after the account's row is
locked. The number of statements is constant: they are plain ``INSERT … SELECT`` and
``UPDATE``, every one of them filtered by the account, so that the tables can be
distributed by it. The scans of the task are themselves the scratch table of a hold.
"""

from collections.abc import Sequence
from datetime import datetime

from quota.models import ScanTask
from quota.models.sql import run, run_prepared
from quota.rules.allocation import Draw


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
    run_prepared(
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
    run_prepared(
        """
        UPDATE quota_quotawindow w SET held_tenths = w.held_tenths + d.high - d.low
        FROM unnest(%(windows)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
             AS d(id, low, high)
        WHERE w.account_id = %(account)s AND w.id = d.id
        """,
        params,
    )


def lock_windows_of(account_id: int, scan_ids: Sequence[int]) -> list[int]:
    """Lock the windows in which these scans hold quota, by primary key, and return
    those."""
    rows = run_prepared(
        """
        SELECT id FROM quota_quotawindow
        WHERE account_id = %(account)s AND id IN (
            SELECT window_id FROM quota_ledgerentry
            WHERE account_id = %(account)s AND kind = 'hold' AND scan = ANY(%(scans)s)
        )
        ORDER BY id FOR NO KEY UPDATE
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
    run_prepared(
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
    run_prepared(
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
    run_prepared(
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
    run_prepared(
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
    run(
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
    run(
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
    run(
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
    run(
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
    run(
        """
        UPDATE quota_quotawindow SET revoked_tenths = revoked_tenths + free_tenths
        WHERE account_id = %(account)s AND pack_id = %(pack)s
          AND ends_at > %(now)s AND free_tenths > 0
        """,
        params,
    )
