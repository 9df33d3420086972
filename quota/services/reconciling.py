"""Proving the books of all accounts: every figure explained by its entries."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from quota.models import ReconcileRun
from quota.services import money_proofs
from quota.services.finding_proofs import FINDING_PROOFS
from quota.services.refund_proofs import REFUND_PROOFS
from quota.services.usage_proofs import USAGE_PROOFS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proof:
    """One invariant: how many rows it was held against, and which break it."""

    claim: str
    checked: int
    broken: tuple[str, ...]


# claim, the rows it speaks of, and the ones that break it (account and what is wrong).
PROOFS: tuple[tuple[str, str, str], ...] = (
    (
        "window counters equal the ledger",
        "SELECT count(*) FROM quota_quotawindow",
        """
        SELECT w.account_id, 'window ' || w.id
        FROM quota_quotawindow w
        LEFT JOIN (
            SELECT account_id, window_id,
                sum(tenths) FILTER (WHERE kind = 'grant') AS granted,
                sum(tenths) FILTER (WHERE kind = 'hold') AS held,
                sum(tenths) FILTER (WHERE kind = 'settle') AS used,
                sum(tenths) FILTER (WHERE kind = 'release') AS released,
                sum(tenths) FILTER (WHERE kind = 'lapse') AS lapsed,
                sum(tenths) FILTER (WHERE kind = 'revoke') AS revoked
            FROM quota_ledgerentry GROUP BY account_id, window_id
        ) e ON e.account_id = w.account_id AND e.window_id = w.id
        WHERE w.granted_tenths <> coalesce(e.granted, 0)
           OR w.used_tenths <> coalesce(e.used, 0)
           OR w.lapsed_tenths <> coalesce(e.lapsed, 0)
           OR w.revoked_tenths <> coalesce(e.revoked, 0)
           OR w.held_tenths <> coalesce(e.held, 0) - coalesce(e.used, 0)
                             - coalesce(e.released, 0)
        """,
    ),
    (
        "each entry states the free quota after it",
        "SELECT count(*) FROM quota_ledgerentry",
        """
        SELECT account_id, 'entry ' || id FROM (
            SELECT account_id, id, free_after_tenths, sum(
                CASE kind WHEN 'grant' THEN tenths WHEN 'release' THEN tenths
                          WHEN 'settle' THEN 0 ELSE -tenths END
            ) OVER (PARTITION BY account_id, window_id ORDER BY id) AS free
            FROM quota_ledgerentry
        ) e WHERE free <> free_after_tenths
        """,
    ),
    (
        "open holds belong to scans in flight, and cover their cost",
        "SELECT count(*) FROM quota_scan WHERE state IN ('queued', 'running')",
        """
        SELECT coalesce(s.account_id, h.account_id),
               'scan ' || coalesce(s.id, h.scan)
        FROM (SELECT * FROM quota_scan WHERE state IN ('queued', 'running')) s
        FULL JOIN (
            SELECT account_id, scan,
                   sum(CASE kind WHEN 'hold' THEN tenths ELSE -tenths END) AS held
            FROM quota_ledgerentry WHERE kind IN ('hold', 'settle', 'release')
            GROUP BY account_id, scan
            HAVING sum(CASE kind WHEN 'hold' THEN tenths ELSE -tenths END) <> 0
        ) h ON h.account_id = s.account_id AND h.scan = s.id
        WHERE s.cost_tenths IS DISTINCT FROM h.held
        """,
    ),
    (
        "every charge has its recorded outcome, and every outcome its charge",
        "SELECT count(*) FROM quota_scan WHERE state IN ('settled', 'released')",
        """
        SELECT s.account_id, 'scan ' || s.id
        FROM quota_scan s
        LEFT JOIN (
            SELECT account_id, scan, sum(tenths) AS tenths, min(kind) AS kind,
                   max(kind) AS other, min(outcome) AS outcome,
                   min(image_digest) AS image
            FROM quota_ledgerentry WHERE kind IN ('settle', 'release')
            GROUP BY account_id, scan
        ) e ON e.account_id = s.account_id AND e.scan = s.id
        WHERE s.state IN ('settled', 'released')
          AND (e.scan IS NULL OR e.kind <> e.other OR e.tenths <> s.cost_tenths
               OR e.outcome <> s.outcome OR e.image <> s.image_digest
               OR (s.state = 'settled') <> (e.kind = 'settle')
               OR (s.state = 'settled') <> (s.outcome = 'succeeded'))
        """,
    ),
    (
        "every shown result was charged",
        "SELECT count(*) FROM quota_image WHERE result IS NOT NULL",
        """
        SELECT i.account_id, 'image ' || i.id
        FROM quota_image i
        WHERE i.result IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM quota_ledgerentry e
            WHERE e.account_id = i.account_id AND e.scan = i.result
              AND e.kind = 'settle' AND e.image_digest = i.digest)
        """,
    ),
    (
        "scans counted on an image are its settled scans, the first one first",
        "SELECT count(*) FROM quota_image",
        """
        SELECT i.account_id, 'image ' || i.id
        FROM quota_image i
        LEFT JOIN (
            SELECT account_id, image_id,
                   count(*) FILTER (WHERE reason = 'first') AS firsts,
                   count(*) FILTER (WHERE reason = 'repeat') AS repeats
            FROM quota_scan WHERE state = 'settled' GROUP BY account_id, image_id
        ) s ON s.account_id = i.account_id AND s.image_id = i.id
        WHERE (i.first_scans, i.repeat_scans)
              <> (coalesce(s.firsts, 0), coalesce(s.repeats, 0))
        """,
    ),
    (
        "figures kept on a task are those of its scans",
        "SELECT count(*) FROM quota_scantask",
        """
        SELECT t.account_id, 'task ' || t.id
        FROM quota_scantask t
        LEFT JOIN (
            SELECT account_id, task_id, count(*) AS images,
                   count(*) FILTER (WHERE state = 'settled') AS settled,
                   count(*) FILTER (WHERE state = 'released') AS released,
                   count(*) FILTER (WHERE place = 0) AS failed,
                   coalesce(sum(cost_tenths) FILTER (WHERE state = 'settled'), 0)
                       AS used,
                   coalesce(sum(cost_tenths) FILTER (WHERE state = 'released'), 0)
                       AS returned,
                   coalesce(sum((found->>'critical')::int), 0) AS critical,
                   coalesce(sum((found->>'high')::int), 0) AS high,
                   coalesce(sum((found->>'trojans')::int), 0) AS trojans,
                   coalesce(sum((found->>'sensitive')::int), 0) AS sensitive
            FROM quota_scan GROUP BY account_id, task_id
        ) s ON s.account_id = t.account_id AND s.task_id = t.id
        WHERE (t.images, t.settled, t.released, t.failed, t.used_tenths,
               t.returned_tenths, t.critical, t.high, t.trojans, t.sensitive)
              IS DISTINCT FROM
              (s.images, s.settled, s.released, s.failed, s.used, s.returned,
               s.critical, s.high, s.trojans, s.sensitive)
        """,
    ),
    (
        "every finding belongs to a settled scan of its image",
        "SELECT count(*) FROM quota_finding",
        """
        SELECT f.account_id, 'scan ' || f.scan FROM quota_finding f
        WHERE NOT EXISTS (
            SELECT 1 FROM quota_scan s
            WHERE s.account_id = f.account_id AND s.id = f.scan
              AND s.image_id = f.image_id AND s.state = 'settled')
        """,
    ),
    (
        "balances less debts equal the sum of their entries",
        "SELECT count(*) FROM accounts_account",
        """
        SELECT a.id, 'balance ' || a.balance || ' less debt ' || a.debt
        FROM accounts_account a
        LEFT JOIN (
            SELECT account_id, sum(amount) AS amount FROM accounts_balanceentry
            GROUP BY account_id
        ) e ON e.account_id = a.id
        WHERE a.balance - a.debt <> coalesce(e.amount, 0)
        """,
    ),
    (
        "each movement states the balance and the debt after it",
        "SELECT count(*) FROM accounts_balanceentry",
        """
        SELECT account_id, 'movement ' || id FROM (
            SELECT account_id, id, balance_after, debt_after,
                   sum(amount) OVER (PARTITION BY account_id ORDER BY id) AS standing
            FROM accounts_balanceentry
        ) e WHERE balance_after <> greatest(standing, 0)
               OR debt_after <> greatest(-standing, 0)
        """,
    ),
    (
        "every order was paid once, to the cent, and is the sum of its lines",
        "SELECT count(*) FROM quota_order",
        """
        SELECT o.account_id, 'order ' || o.number
        FROM quota_order o
        LEFT JOIN accounts_balanceentry e
          ON e.account_id = o.account_id AND e.reference = 'order:' || o.number
        LEFT JOIN (
            SELECT account_id, order_id, sum(amount) AS amount FROM quota_orderline
            GROUP BY account_id, order_id
        ) l ON l.account_id = o.account_id AND l.order_id = o.id
        WHERE o.kind IN ('purchase', 'renewal')
          AND (o.total IS DISTINCT FROM -e.amount OR o.total IS DISTINCT FROM l.amount)
        """,
    ),
    (
        "windows of a pack tile from its anchor to the end, each granted whole",
        "SELECT count(*) FROM quota_quotapack",
        """
        SELECT p.account_id, 'pack ' || p.id
        FROM quota_quotapack p
        JOIN quota_subscription s ON s.account_id = p.account_id
                                 AND s.id = p.subscription_id
        LEFT JOIN (
            SELECT account_id, pack_id, min(starts_at) AS starts_at,
                   max(ends_at) AS ends_at, count(*) AS windows, max(number) AS last,
                   bool_and(tile) AS tile, bool_and(granted) AS granted
            FROM (
                SELECT w.account_id, w.pack_id, w.starts_at, w.ends_at, w.number,
                       coalesce(w.starts_at = lag(w.ends_at) OVER (
                           PARTITION BY w.account_id, w.pack_id ORDER BY w.number), true
                       ) AS tile,
                       w.granted_tenths > 0 AS granted
                FROM quota_quotawindow w
            ) w GROUP BY account_id, pack_id
        ) w ON w.account_id = p.account_id AND w.pack_id = p.id
        WHERE w.pack_id IS NULL OR w.starts_at <> p.anchor OR NOT w.tile
           OR NOT w.granted OR w.last <> w.windows - 1
           OR (w.ends_at < s.ends_at AND p.dropped_at IS NULL AND p.closed_at IS NULL
               AND p.left_out_at IS NULL)
        """,
    ),
    (
        "every quota granted was charged, window by window, and no other",
        "SELECT count(*) FROM quota_quotapack",
        """
        SELECT p.account_id, 'pack ' || p.id
        FROM quota_quotapack p
        LEFT JOIN (
            SELECT account_id, pack_id, count(*) AS windows,
                   sum(granted_tenths) AS tenths
            FROM quota_quotawindow GROUP BY account_id, pack_id
        ) w ON w.account_id = p.account_id AND w.pack_id = p.id
        LEFT JOIN (
            SELECT l.account_id, l.pack_id, sum(l.periods) AS windows,
                   sum(10::bigint * l.quantity * l.periods) AS tenths
            FROM quota_orderline l
            JOIN quota_order o ON o.account_id = l.account_id AND o.id = l.order_id
                              AND o.kind IN ('purchase', 'renewal')
            GROUP BY l.account_id, l.pack_id
        ) l ON l.account_id = p.account_id AND l.pack_id = p.id
        WHERE w.windows IS DISTINCT FROM l.windows
           OR w.tenths IS DISTINCT FROM l.tenths
        """,
    ),
    (
        "terms tile from the anchor to the end, each paid by an order of its own",
        "SELECT count(*) FROM quota_term",
        """
        SELECT s.account_id, 'subscription ' || s.id
        FROM quota_subscription s
        LEFT JOIN (
            SELECT account_id, subscription_id, min(starts_at) AS starts_at,
                   max(ends_at) AS ends_at, count(*) AS terms, max(number) AS last,
                   count(DISTINCT order_id) AS orders, bool_and(tile) AS tile,
                   bool_and(charged) AS charged
            FROM (
                SELECT t.account_id, t.subscription_id, t.starts_at, t.ends_at,
                       t.number, t.order_id,
                       coalesce(t.starts_at = lag(t.ends_at) OVER (
                           PARTITION BY t.account_id, t.subscription_id
                           ORDER BY t.number), true) AS tile,
                       EXISTS (
                           SELECT 1 FROM quota_orderline l
                           WHERE l.account_id = t.account_id AND l.order_id = t.order_id
                             AND l.kind = 'edition' AND l.quantity = t.cores
                             AND l.periods = t.months AND l.starts_at = t.starts_at
                             AND l.ends_at = t.ends_at) AS charged
                FROM quota_term t
            ) t GROUP BY account_id, subscription_id
        ) t ON t.account_id = s.account_id AND t.subscription_id = s.id
        WHERE t.subscription_id IS NULL OR t.starts_at <> s.anchor OR NOT t.tile
           OR NOT t.charged OR t.last <> t.terms OR t.orders <> t.terms
           OR t.ends_at < s.ends_at
        """,
    ),
    (
        "what lapsed was booked once, and nothing lapsed is still free",
        "SELECT count(*) FROM quota_quotawindow WHERE lapsed_at IS NOT NULL",
        """
        SELECT w.account_id, 'window ' || w.id
        FROM quota_quotawindow w
        WHERE w.lapsed_at IS NOT NULL AND (w.free_tenths <> 0 OR 1 <> (
            SELECT count(*) FROM quota_ledgerentry e
            WHERE e.account_id = w.account_id AND e.window_id = w.id
              AND e.kind = 'lapse' AND e.scan IS NULL))
        """,
    ),
    *REFUND_PROOFS,
    *USAGE_PROOFS,
    *FINDING_PROOFS,
    (
        "every account has exactly one creator",
        "SELECT count(*) FROM accounts_account",
        """
        SELECT a.id, 'account ' || a.slug FROM accounts_account a
        WHERE 1 <> (SELECT count(*) FROM accounts_member m
                    WHERE m.account_id = a.id AND m.is_creator)
        """,
    ),
    *money_proofs.PROOFS,
)
SHOWN = 20


def reconcile() -> Iterator[Proof]:
    """Prove every invariant for all accounts, reading only. Names up to 20 rows that
    break one."""
    with connection.cursor() as cursor:
        for claim, population, broken in PROOFS:
            cursor.execute(population)
            (checked,) = cursor.fetchone()
            cursor.execute(broken)
            rows = cursor.fetchmany(SHOWN)
            yield Proof(
                claim, checked, tuple(f"account {a}: {what}" for a, what in rows)
            )


def prove(*, clock: Callable[[], datetime]) -> ReconcileRun:
    """Prove the books and keep what was found. Each claim is one statement, so that
    it sees one state of the tables while customers go on."""
    started = clock()
    proofs = list(reconcile())
    run = ReconcileRun.objects.create(
        started_at=started,
        ended_at=clock(),
        claims=len(proofs),
        checked=sum(proof.checked for proof in proofs),
        broken={proof.claim: list(proof.broken) for proof in proofs if proof.broken},
    )
    if run.broken:
        logger.error("The books do not hold: %s", "; ".join(run.broken))
    return run
