"""Proofs about money that comes in: claim, rows it speaks of, rows that break it."""

PROOFS: tuple[tuple[str, str, str], ...] = (
    (
        "every paid top-up is one movement of its amount, and what was taken back"
        " of it as many as it counts",
        "SELECT count(*) FROM accounts_topup WHERE method = 'stripe'",
        """
        SELECT t.account_id, 'top-up ' || t.id
        FROM accounts_topup t
        LEFT JOIN (
            SELECT account_id, split_part(reference, ':', 2) AS top_up,
                   sum(amount) FILTER (WHERE kind = 'top_up') AS credited,
                   count(*) FILTER (WHERE kind = 'top_up') AS credits,
                   -sum(amount) FILTER (WHERE kind <> 'top_up') AS reversed
            FROM accounts_balanceentry WHERE reference LIKE 'top-up:%'
            GROUP BY account_id, split_part(reference, ':', 2)
        ) e ON e.account_id = t.account_id AND e.top_up = t.id::text
        WHERE t.method = 'stripe'
          AND (coalesce(e.credits, 0) <> (t.state = 'paid')::int
               OR (t.state = 'paid' AND e.credited <> t.amount)
               OR t.reversed_amount <> coalesce(e.reversed, 0))
        """,
    ),
    (
        "every recorded bank transfer is one movement, and one more when taken back",
        "SELECT count(*) FROM accounts_banktransfer",
        """
        SELECT t.account_id, 'bank transfer ' || t.id
        FROM accounts_banktransfer t
        LEFT JOIN accounts_balanceentry c ON c.account_id = t.account_id
            AND c.reference = 'bank-transfer:' || t.id
        LEFT JOIN accounts_balanceentry r ON r.account_id = t.account_id
            AND r.reference = 'bank-transfer:' || t.id || ':reversed'
        WHERE c.amount IS DISTINCT FROM t.amount
           OR r.amount IS DISTINCT FROM
              CASE WHEN t.reversed_at IS NOT NULL THEN -t.amount END
        """,
    ),
    (
        "every booked adjustment is one movement, and no other is",
        "SELECT count(*) FROM accounts_adjustment",
        """
        SELECT a.account_id, 'adjustment ' || a.id
        FROM accounts_adjustment a
        LEFT JOIN accounts_balanceentry e ON e.account_id = a.account_id
            AND e.reference = 'adjustment:' || a.id
        WHERE e.amount IS DISTINCT FROM
              CASE WHEN a.state = 'booked' THEN a.amount END
        """,
    ),
)
