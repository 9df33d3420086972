"""The ledger keeps its own roll-up, whoever writes an entry."""

from django.db import migrations

ROLLED_UP = """
    SELECT account_id, window_id, date_bin('15 minutes', created_at, TIMESTAMPTZ 'epoch'),
           kind, reason, sum(tenths), count(*), min(id), max(id)
    FROM {entries} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 3, 2, 4, 5
"""
COLUMNS = (
    "account_id, window_id, starts_at, kind, reason, tenths, entries, first_entry,"
    " last_entry"
)

FUNCTION = f"""
CREATE FUNCTION quota_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quota_usagebin AS bin ({COLUMNS})
    {ROLLED_UP.format(entries="written")}
    ON CONFLICT (account_id, starts_at, window_id, kind, reason) DO UPDATE
    SET tenths = bin.tenths + excluded.tenths,
        entries = bin.entries + excluded.entries,
        first_entry = least(bin.first_entry, excluded.first_entry),
        last_entry = greatest(bin.last_entry, excluded.last_entry);
    RETURN NULL;
END $$
"""  # noqa: S608 -- our own text
TRIGGER = """
CREATE TRIGGER roll_up AFTER INSERT ON quota_ledgerentry
REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION quota_roll_up()
"""
SAME_ACCOUNT = (
    "ALTER TABLE quota_usagebin ADD CONSTRAINT usagebin_window_id_same_account"
    " FOREIGN KEY (account_id, window_id) REFERENCES quota_quotawindow (account_id, id)"
    " DEFERRABLE INITIALLY DEFERRED"
)
FILL = f"""
    INSERT INTO quota_usagebin ({COLUMNS})
    {ROLLED_UP.format(entries="quota_ledgerentry")}
"""


class Migration(migrations.Migration):
    """Every writer of the ledger holds its account's lock, so bins never contend."""

    dependencies = [("quota", "0030_usage_by_the_quarter_hour")]
    operations = [
        migrations.RunSQL(
            SAME_ACCOUNT,
            "ALTER TABLE quota_usagebin DROP CONSTRAINT usagebin_window_id_same_account",
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION quota_roll_up()"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER roll_up ON quota_ledgerentry"),
        # Last: the trigger's lock keeps new entries out until all this is committed.
        migrations.RunSQL(FILL, "DELETE FROM quota_usagebin"),
    ]
