"""The planner knows tables loaded in bulk before autovacuum has looked at them.

An index made on an empty table is taken to be empty until the first ANALYZE: look-ups
by account and id then read all rows of the account. ``n_distinct`` says for good that
accounts are few beside their rows.
"""

from django.db import migrations

TABLES = (
    "quota_image",
    "quota_sighting",
    "quota_scan",
    "quota_ledgerentry",
    "quota_finding",
)

KNOW = f"""
CREATE FUNCTION quota_know_tables() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    name text;
    has_rows boolean;
BEGIN
    FOR name IN
        SELECT relname FROM pg_class
        WHERE oid = ANY (ARRAY{list(TABLES)}::regclass[]) AND reltuples <= 0
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO has_rows;
        IF has_rows THEN
            EXECUTE format('ANALYZE (SKIP_LOCKED) public.%I', name);
        END IF;
    END LOOP;
END $$
"""  # noqa: S608 -- our own names


def _few_accounts(table: str) -> migrations.RunSQL:
    column = f"ALTER TABLE {table} ALTER COLUMN account_id"
    return migrations.RunSQL(
        f"{column} SET (n_distinct = 100)", f"{column} RESET (n_distinct)"
    )


class Migration(migrations.Migration):
    """Only the owner may analyse: the application asks through a function of its."""

    dependencies = [("quota", "0020_invoices_never_change_or_miss_a_number")]
    operations = [
        *[_few_accounts(table) for table in TABLES],
        migrations.RunSQL(KNOW, "DROP FUNCTION quota_know_tables()"),
    ]
