"""Composite foreign keys: a row can never name another account's row."""

from django.db import migrations

KEYS = (
    ("orderline", "order_id", "order"),
    ("term", "subscription_id", "subscription"),
    ("term", "order_id", "order"),
    ("quotapack", "subscription_id", "subscription"),
    ("quotapack", "order_id", "order"),
    ("quotawindow", "pack_id", "quotapack"),
    ("ledgerentry", "window_id", "quotawindow"),
    ("sighting", "image_id", "image"),
    ("sighting", "source_id", "imagesource"),
    ("finding", "image_id", "image"),
    ("scan", "task_id", "scantask"),
    ("scan", "image_id", "image"),
    ("scantask", "retry_of_id", "scantask"),
)


def _add(child: str, column: str, parent: str) -> migrations.RunSQL:
    name = f"{child}_{column}_same_account"
    return migrations.RunSQL(
        f"ALTER TABLE quota_{child} ADD CONSTRAINT {name}"
        f" FOREIGN KEY (account_id, {column}) REFERENCES quota_{parent} (account_id, id)"
        " DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE quota_{child} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    """They stand in for Django's own keys, which do not look at the account."""

    dependencies = [("quota", "0002_tables")]
    operations = [_add(*key) for key in KEYS]
