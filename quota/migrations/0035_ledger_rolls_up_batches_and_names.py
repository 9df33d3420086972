"""The ledger's trigger also keeps its batches, and what each name was used for."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("quota.migrations.0031_ledger_rolls_itself_up")

BATCH_COLUMNS = (
    "account_id, window_id, task, kind, reason, by_id, source, starts_at, created_at,"
    " tenths, entries, first_entry, last_entry, free_after_tenths"
)
# The source is the list of the task, which a terminated account's batches keep.
BATCHES = """
    SELECT b.account_id, b.window_id, b.task, b.kind, b.reason, b.by_id,
           coalesce(t.kind, ''), b.starts_at, b.created_at, b.tenths, b.entries,
           b.first_entry, b.last_entry, e.free_after_tenths
    FROM (
        SELECT account_id, window_id, task, kind, reason, max(by_id) AS by_id,
               date_bin('15 minutes', created_at, TIMESTAMPTZ 'epoch') AS starts_at,
               min(created_at) AS created_at, sum(tenths) AS tenths,
               count(*) AS entries, min(id) AS first_entry, max(id) AS last_entry
        FROM {entries}
        GROUP BY account_id, window_id, task, kind, reason, starts_at
    ) b
    JOIN {entries} e ON e.account_id = b.account_id AND e.id = b.last_entry
    LEFT JOIN quota_scantask t ON t.account_id = b.account_id AND t.id = b.task
    ORDER BY b.first_entry
"""
NAME_COLUMNS = "account_id, window_id, source, name, reason, tenths, scans"
NAMES = """
    SELECT e.account_id, e.window_id, coalesce(t.kind, '') AS source,
           coalesce(CASE t.kind
               WHEN 'repository' THEN coalesce(nullif(i.repository, ''), i.name)
               ELSE coalesce(nullif(i.name, ''), i.repository)
           END, '') AS name,
           e.reason, sum(e.tenths), count(*)
    FROM {entries} e
    LEFT JOIN quota_scantask t ON t.account_id = e.account_id AND t.id = e.task
    LEFT JOIN quota_image i
        ON i.account_id = e.account_id AND i.digest = e.image_digest
    WHERE e.kind = 'settle'
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""

END = "    RETURN NULL;"
MORE = f"""
    INSERT INTO quota_ledgerbatch AS batch ({BATCH_COLUMNS})
    {BATCHES.format(entries="written")}
    ON CONFLICT (account_id, task, window_id, kind, reason, starts_at) DO UPDATE
    SET tenths = batch.tenths + excluded.tenths,
        entries = batch.entries + excluded.entries,
        last_entry = excluded.last_entry,
        free_after_tenths = excluded.free_after_tenths;
    INSERT INTO quota_nameusage AS used ({NAME_COLUMNS})
    {NAMES.format(entries="written")}
    ON CONFLICT (account_id, window_id, source, name, reason) DO UPDATE
    SET tenths = used.tenths + excluded.tenths, scans = used.scans + excluded.scans;
"""  # noqa: S608 -- our own text
REPLACE = "CREATE OR REPLACE FUNCTION"
AS_BEFORE = BEFORE.FUNCTION.replace("CREATE FUNCTION", REPLACE, 1)
FUNCTION = AS_BEFORE.replace(END, f"{MORE}{END}")
# Keeps new entries out until all this is committed.
LOCK = "LOCK TABLE quota_ledgerentry IN SHARE ROW EXCLUSIVE MODE"
FILL_BATCHES = f"""
    INSERT INTO quota_ledgerbatch ({BATCH_COLUMNS})
    {BATCHES.format(entries="quota_ledgerentry")}
"""
FILL_NAMES = f"""
    INSERT INTO quota_nameusage ({NAME_COLUMNS})
    {NAMES.format(entries="quota_ledgerentry")}
"""


def _same_account(child: str) -> migrations.RunSQL:
    table, name = f"quota_{child}", f"{child}_window_id_same_account"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name}"
        " FOREIGN KEY (account_id, window_id)"
        " REFERENCES quota_quotawindow (account_id, id)"
        " DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    """Whoever writes an entry writes its batch and its name's usage with it."""

    dependencies = [("quota", "0034_ledger_by_batch_and_name")]
    operations = [
        _same_account("ledgerbatch"),
        _same_account("nameusage"),
        migrations.RunSQL(LOCK, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTION, AS_BEFORE),
        migrations.RunSQL(FILL_BATCHES, "DELETE FROM quota_ledgerbatch"),
        migrations.RunSQL(FILL_NAMES, "DELETE FROM quota_nameusage"),
    ]
