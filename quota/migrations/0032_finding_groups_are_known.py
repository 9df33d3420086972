"""The planner knows finding groups too, before autovacuum has looked at them."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("quota.migrations.0021_large_tables_are_known")
TABLES = ("quota_findinggroup", "quota_triage")

REPLACE = "CREATE OR REPLACE FUNCTION"
KNOWN = BEFORE.KNOW.replace("CREATE FUNCTION", REPLACE, 1)
KNOW = KNOWN.replace(str(list(BEFORE.TABLES)), str([*BEFORE.TABLES, *TABLES]))


class Migration(migrations.Migration):
    """As for the other tables that a scan fills."""

    dependencies = [("quota", "0031_ledger_rolls_itself_up")]
    operations = [
        *[BEFORE._few_accounts(table) for table in TABLES],
        migrations.RunSQL(KNOW, KNOWN),
    ]
