"""Ledger entries and tariffs are written once, whoever tries to change them.

Deliberately not on TRUNCATE, which the test runner needs.
"""

from django.db import migrations

TABLES = ("quota_ledgerentry", "quota_tariff")

FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$
"""


def _forbid(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        f"DROP TRIGGER append_only ON {table}",
    )


class Migration(migrations.Migration):
    """A second lock beside the missing right of the application's role."""

    dependencies = [("quota", "0003_rows_never_cross_accounts")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION refuse_change()"),
        *[_forbid(table) for table in TABLES],
    ]
