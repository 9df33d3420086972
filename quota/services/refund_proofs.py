"""What reconcile proves of refunds: orders, credits, closed windows, signatures."""

# claim, the rows it speaks of, and the ones that break it (account and what is wrong).
REFUND_PROOFS: tuple[tuple[str, str, str], ...] = (
    (
        "every refund was credited once, to the cent, as one request approved",
        "SELECT count(*) FROM quota_order WHERE kind = 'refund'",
        """
        SELECT o.account_id, 'order ' || o.number
        FROM quota_order o
        LEFT JOIN accounts_balanceentry e
          ON e.account_id = o.account_id AND e.reference = 'order:' || o.number
        LEFT JOIN (
            SELECT account_id, order_id, sum(amount) AS amount,
                   bool_and(credited_id IS NOT NULL) AS credits
            FROM quota_orderline GROUP BY account_id, order_id
        ) l ON l.account_id = o.account_id AND l.order_id = o.id
        LEFT JOIN quota_refundrequest r
          ON r.account_id = o.account_id AND r.refund_order_id = o.id
         AND r.state = 'approved'
        WHERE o.kind = 'refund'
          AND (e.kind IS DISTINCT FROM 'refund' OR o.total IS DISTINCT FROM e.amount
               OR o.total IS DISTINCT FROM l.amount OR NOT l.credits
               OR o.total IS DISTINCT FROM r.amount)
        """,
    ),
    (
        "no order was refunded more than it took for the thing",
        "SELECT count(*) FROM quota_orderline WHERE credited_id IS NOT NULL",
        """
        SELECT c.account_id, 'order row ' || c.credited_id
        FROM (
            SELECT account_id, credited_id, kind, pack_id, sum(amount) AS amount
            FROM quota_orderline WHERE credited_id IS NOT NULL
            GROUP BY account_id, credited_id, kind, pack_id
        ) c
        LEFT JOIN (
            SELECT account_id, order_id, kind, pack_id, sum(amount) AS amount
            FROM quota_orderline GROUP BY account_id, order_id, kind, pack_id
        ) p ON p.account_id = c.account_id AND p.order_id = c.credited_id
           AND p.kind = c.kind AND p.pack_id IS NOT DISTINCT FROM c.pack_id
        WHERE c.amount > coalesce(p.amount, 0)
        """,
    ),
    (
        "a refunded pack is closed and nothing of it can be held; of no other is taken",
        "SELECT count(*) FROM quota_quotawindow",
        """
        SELECT w.account_id, 'window ' || w.id
        FROM quota_quotawindow w
        JOIN quota_quotapack p ON p.account_id = w.account_id AND p.id = w.pack_id
        LEFT JOIN quota_refundrequest r
          ON r.account_id = p.account_id AND r.pack_id = p.id AND r.state = 'approved'
        WHERE (p.closed_at IS NULL) <> (r.id IS NULL)
           OR (r.id IS NULL AND w.revoked_tenths > 0)
           OR (r.id IS NOT NULL AND w.held_tenths > 0)
           OR (r.id IS NOT NULL AND w.free_tenths > 0 AND w.ends_at > p.closed_at)
        """,
    ),
    (
        "a pack is frozen exactly while an approved refund is carried out or was",
        "SELECT count(*) FROM quota_quotapack",
        """
        SELECT p.account_id, 'pack ' || p.id
        FROM quota_quotapack p
        WHERE (p.frozen_at IS NOT NULL) <> EXISTS (
            SELECT 1 FROM quota_refundrequest r
            WHERE r.account_id = p.account_id AND r.pack_id = p.id
              AND r.state IN ('awaiting_second', 'closing', 'approved'))
        """,
    ),
    (
        "a month is shut exactly where its pack is frozen or it outlives a refund",
        "SELECT count(*) FROM quota_quotawindow",
        """
        SELECT w.account_id, 'window ' || w.id
        FROM quota_quotawindow w
        JOIN quota_quotapack p ON p.account_id = w.account_id AND p.id = w.pack_id
        JOIN quota_subscription s
          ON s.account_id = p.account_id AND s.id = p.subscription_id
        WHERE (w.shut_at IS NOT NULL) <> (p.frozen_at IS NOT NULL
           OR (s.refunded_at IS NOT NULL AND w.ends_at > s.ends_at))
        """,
    ),
    (
        "Professional Edition is marked refunded exactly when a request was approved",
        "SELECT count(*) FROM quota_subscription",
        """
        SELECT s.account_id, 'subscription ' || s.id
        FROM quota_subscription s
        WHERE (s.refunded_at IS NOT NULL) <> EXISTS (
            SELECT 1 FROM quota_refundrequest r
            WHERE r.account_id = s.account_id AND r.subscription_id = s.id
              AND r.state = 'approved')
        """,
    ),
    (
        "the history of every request ends where the request stands",
        "SELECT count(*) FROM quota_refundrequest",
        """
        SELECT r.account_id, 'refund ' || r.id
        FROM quota_refundrequest r
        WHERE r.state IS DISTINCT FROM (
            SELECT e.state_after FROM quota_refundevent e
            WHERE e.account_id = r.account_id AND e.refund_id = r.id
            ORDER BY e.id DESC LIMIT 1)
        """,
    ),
)
