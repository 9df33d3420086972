"""The planner knows batches and names too, before autovacuum has looked at them."""

from importlib import import_module

from django.db import migrations

FIRST = import_module("quota.migrations.0021_large_tables_are_known")
BEFORE = import_module("quota.migrations.0032_finding_groups_are_known")
KNOWN_TABLES = [*FIRST.TABLES, *BEFORE.TABLES]
TABLES = ("quota_ledgerbatch", "quota_nameusage")

KNOW = BEFORE.KNOW.replace(str(KNOWN_TABLES), str([*KNOWN_TABLES, *TABLES]))


class Migration(migrations.Migration):
    """As for the other tables that a scan fills."""

    dependencies = [("quota", "0035_ledger_rolls_up_batches_and_names")]
    operations = [
        *[FIRST._few_accounts(table) for table in TABLES],
        migrations.RunSQL(KNOW, BEFORE.KNOW),
    ]
