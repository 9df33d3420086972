"""Proofs that what is rolled up for pages is what the ledger says."""

# As in reconciling: claim, the rows it speaks of, and the ones that break it.
USAGE_PROOFS: tuple[tuple[str, str, str], ...] = (
    (
        "the roll-up of usage equals the ledger",
        "SELECT count(*) FROM quota_usagebin",
        """
        SELECT account_id, 'usage of window ' || window_id
        FROM (
            SELECT account_id, window_id, kind, reason, sum(tenths) AS tenths,
                   sum(entries) AS entries
            FROM quota_usagebin GROUP BY 1, 2, 3, 4
        ) b
        FULL JOIN (
            SELECT account_id, window_id, kind, reason, sum(tenths) AS tenths,
                   count(*) AS entries
            FROM quota_ledgerentry GROUP BY 1, 2, 3, 4
        ) e USING (account_id, window_id, kind, reason)
        WHERE b.tenths IS DISTINCT FROM e.tenths
           OR b.entries IS DISTINCT FROM e.entries
        """,
    ),
    (
        "the batches of the ledger are its entries",
        "SELECT count(*) FROM quota_ledgerbatch",
        """
        SELECT coalesce(b.account_id, e.account_id),
               'batches of task ' || coalesce(b.task, e.task, 0)
        FROM (
            SELECT account_id, window_id, task, kind, reason, sum(tenths) AS tenths,
                   sum(entries) AS entries, min(first_entry) AS first,
                   max(last_entry) AS last
            FROM quota_ledgerbatch GROUP BY 1, 2, 3, 4, 5
        ) b
        FULL JOIN (
            SELECT account_id, window_id, task, kind, reason, sum(tenths) AS tenths,
                   count(*) AS entries, min(id) AS first, max(id) AS last
            FROM quota_ledgerentry GROUP BY 1, 2, 3, 4, 5
        ) e ON e.account_id = b.account_id AND e.window_id = b.window_id
           AND coalesce(e.task, 0) = coalesce(b.task, 0) AND e.kind = b.kind
           AND e.reason = b.reason
        WHERE (b.tenths, b.entries, b.first, b.last)
              IS DISTINCT FROM (e.tenths, e.entries, e.first, e.last)
        """,
    ),
    (
        "what names were used for adds up to the ledger",
        "SELECT count(*) FROM quota_nameusage",
        """
        SELECT n.account_id, 'names of window ' || n.window_id
        FROM (
            SELECT account_id, window_id, reason, sum(tenths) AS tenths,
                   sum(scans) AS scans
            FROM quota_nameusage GROUP BY 1, 2, 3
        ) n
        JOIN (
            SELECT account_id, window_id, reason, sum(tenths) AS tenths,
                   count(*) AS scans
            FROM quota_ledgerentry WHERE kind = 'settle' GROUP BY 1, 2, 3
        ) e USING (account_id, window_id, reason)
        WHERE n.tenths <> e.tenths OR n.scans <> e.scans
        """,
    ),
)
