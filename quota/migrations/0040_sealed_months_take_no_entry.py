"""A seal is never changed, and a sealed month takes no entry, whoever writes it."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("quota.migrations.0035_ledger_rolls_up_batches_and_names")

SAME_ACCOUNT = (
    "ALTER TABLE quota_statementseal"
    " ADD CONSTRAINT statementseal_window_id_same_account"
    " FOREIGN KEY (account_id, window_id) REFERENCES quota_quotawindow (account_id, id)"
    " DEFERRABLE INITIALLY DEFERRED"
)
APPEND_ONLY = (
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON quota_statementseal"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
)
BEGIN = "BEGIN\n"
REFUSE = """
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT account_id, window_id FROM written) w
        JOIN quota_statementseal s
          ON s.account_id = w.account_id AND s.window_id = w.window_id
    ) THEN
        RAISE EXCEPTION 'sealed_month_takes_no_entry'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'sealed_month_takes_no_entry';
    END IF;
"""
AS_BEFORE = BEFORE.FUNCTION
FUNCTION = AS_BEFORE.replace(BEGIN, f"{BEGIN}{REFUSE}", 1)


class Migration(migrations.Migration):
    """The check stands in the trigger that reads what was written anyway."""

    dependencies = [("quota", "0039_closed_months_are_sealed")]
    operations = [
        migrations.RunSQL(
            SAME_ACCOUNT,
            "ALTER TABLE quota_statementseal"
            " DROP CONSTRAINT statementseal_window_id_same_account",
        ),
        migrations.RunSQL(
            APPEND_ONLY, "DROP TRIGGER append_only ON quota_statementseal"
        ),
        migrations.RunSQL(FUNCTION, AS_BEFORE),
    ]
