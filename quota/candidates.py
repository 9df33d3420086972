"""The SQL of what a selection comes to: counted, priced, and queued as a task's scans.

As in the ledger, everything runs inside its caller's transaction, in a constant number
of statements, every one of them filtered by the account.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet

from quota.models import Image, ScanTask, Tariff
from quota.models.sql import run
from quota.rules.fitting import fit


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
# with a scan in flight, of which there is at most one, is left out (rules 5.7).
PRICED = """
    SELECT i.*, CASE WHEN i.is_repeat THEN %(repeat)s ELSE %(first)s END AS cost
    FROM (
        SELECT chosen.*, s.id IS NOT NULL AS busy,
               scanned_at IS NOT NULL AND scanned_at >= %(history)s AS is_repeat
        FROM chosen
        LEFT JOIN quota_scan s
          ON s.account_id = %(account)s AND s.image_id = chosen.id
             AND s.state IN ('queued', 'running')
    ) i
"""


def _chosen(images: QuerySet[Image]) -> tuple[str, dict[str, Any]]:
    """Return the selection as a CTE's text with named parameters."""
    columns = images.order_by().values("id", "digest", "first_seen_at", "scanned_at")
    # Of no images at all, too, which Django would rather not ask about.
    compiler = columns.query.get_compiler(DEFAULT_DB_ALIAS, elide_empty=False)
    sql, values = compiler.as_sql()
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
    ((total, busy, firsts, repeats, cost, fingerprint),) = run(
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


def fitting(everything: Candidates, tariff: Tariff, within: int) -> Candidates:
    """The part of a selection that fits into ``within`` tenths (rules 5.5): repeats by
    oldest result, then firsts by first sight, ties by image ID. Nothing is read."""
    found = fit(
        firsts=everything.firsts,
        repeats=everything.repeats,
        first_tenths=tariff.first_tenths,
        repeat_tenths=tariff.repeat_tenths,
        within=within,
    )
    images = found.firsts + found.repeats
    return Candidates(images, 0, found.firsts, found.repeats, found.cost_tenths, "")


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
    run(
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
