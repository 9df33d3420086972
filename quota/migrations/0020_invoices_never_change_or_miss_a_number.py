"""An invoice is written once, keeps to its account, and no number is ever missing."""

from django.db import migrations

TABLES = ("quota_invoice", "quota_invoicenumber")
KEYS = (
    ("invoice", "order_id", "order"),
    ("invoice", "credited_id", "order"),
    ("invoicenumber", "invoice_id", "invoice"),
)


def _same_account(child: str, column: str, parent: str) -> migrations.RunSQL:
    name = f"{child}_{column}_same_account"
    return migrations.RunSQL(
        f"ALTER TABLE quota_{child} ADD CONSTRAINT {name}"
        f" FOREIGN KEY (account_id, {column}) REFERENCES quota_{parent} (account_id, id)"
        " DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE quota_{child} DROP CONSTRAINT {name}",
    )


def _forbid_changes(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        f"DROP TRIGGER append_only ON {table}",
    )


class Migration(migrations.Migration):
    """The number before must be there already: not deferred, so not even for a moment
    is there a gap."""

    dependencies = [("quota", "0019_invoices")]
    operations = [
        *[_same_account(*key) for key in KEYS],
        *[_forbid_changes(table) for table in TABLES],
        migrations.RunSQL(
            "ALTER TABLE quota_invoicenumber ADD CONSTRAINT invoice_number_no_gap"
            " FOREIGN KEY (series_id, previous)"
            " REFERENCES quota_invoicenumber (series_id, number)",
            "ALTER TABLE quota_invoicenumber DROP CONSTRAINT invoice_number_no_gap",
        ),
    ]
