"""Keeping on each task the figures of its scans, as they end."""

from collections.abc import Sequence
from datetime import datetime

from quota.models.sql import run_prepared

# A column of the task, and how many of a scan it adds.
KEPT = {
    "settled": "(s.state = 'settled')::int",
    "released": "(s.state = 'released')::int",
    "failed": "(s.place = 0)::int",
    "first_scans": "(s.state = 'settled' AND s.reason = 'first')::int",
    "used_tenths": "CASE WHEN s.state = 'settled' THEN s.cost_tenths ELSE 0 END",
    "returned_tenths": "CASE WHEN s.state = 'released' THEN s.cost_tenths ELSE 0 END",
    "at_risk": "s.at_risk::int",
    **{
        name: f"coalesce((s.found->>'{name}')::int, 0)"
        for name in ("critical", "high", "trojans", "sensitive")
    },
}
SETS = ", ".join(f"{name} = t.{name} + e.{name}" for name in KEPT)
SUMS = ", ".join(f"sum({each}) AS {name}" for name, each in KEPT.items())

TALLY = f"""
    UPDATE quota_scantask t
    SET {SETS}, begun_at = least(t.begun_at, e.begun_at),
        ended_at = CASE
            WHEN t.settled + t.released + e.scans = t.images THEN %(now)s END
    FROM (
        SELECT s.task_id, count(*) AS scans, min(s.claimed_at) AS begun_at, {SUMS}
        FROM quota_scan s
        WHERE s.account_id = %(account)s AND s.id = ANY(%(scans)s)
        GROUP BY s.task_id
    ) e
    WHERE t.account_id = %(account)s AND t.id = e.task_id
"""  # noqa: S608 -- our own text


def tally(account_id: int, scan_ids: Sequence[int], now: datetime) -> None:
    """Add scans that have just ended to the figures of their tasks.

    Called once for each scan, in the transaction that ends it, which has locked the
    account: in one statement however many scans. The last one ends its task.
    """
    run_prepared(TALLY, {"account": account_id, "scans": list(scan_ids), "now": now})
