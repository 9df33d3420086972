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
    (
        "invoices are numbered from 1 without a gap, each number has its paper and"
        " each paper its number",
        "SELECT count(*) FROM quota_invoice",
        """
        SELECT account_id, 'invoice ' || coalesce(label, 'number ' || number) FROM (
            SELECT coalesce(i.account_id, n.account_id) AS account_id, i.label,
                   n.number, i.id AS invoice, s.last,
                   count(*) OVER (PARTITION BY n.series_id) AS given
            FROM quota_invoice i
            FULL JOIN quota_invoicenumber n ON n.account_id = i.account_id
                                           AND n.invoice_id = i.id
            LEFT JOIN quota_invoiceseries s ON s.id = n.series_id
        ) e WHERE number IS NULL OR invoice IS NULL OR last <> given OR number > given
        """,
    ),
    (
        "every order that was invoiced has papers of exactly its amount",
        "SELECT count(*) FROM quota_order WHERE invoiced_at IS NOT NULL",
        """
        SELECT o.account_id, 'order ' || o.number
        FROM quota_order o
        LEFT JOIN (
            SELECT account_id, order_id, sum(total) AS total, min(kind) AS kind
            FROM quota_invoice GROUP BY account_id, order_id
        ) i ON i.account_id = o.account_id AND i.order_id = o.id
        WHERE (o.invoiced_at IS NOT NULL AND o.total IS DISTINCT FROM i.total)
           OR (o.invoiced_at IS NULL AND i.total IS NOT NULL)
           OR (i.kind = 'credit') <> (o.kind = 'refund')
        """,
    ),
)
