"""Composite foreign keys: a run never names another account's schedule or task."""

from django.db import migrations

KEYS = (("schedule_id", "schedule"), ("task_id", "scantask"))


def _add(column: str, parent: str) -> migrations.RunSQL:
    name = f"scheduledrun_{column}_same_account"
    return migrations.RunSQL(
        f"ALTER TABLE quota_scheduledrun ADD CONSTRAINT {name}"
        f" FOREIGN KEY (account_id, {column}) REFERENCES quota_{parent} (account_id, id)"
        " DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE quota_scheduledrun DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    """They stand in for Django's own keys, which do not look at the account."""

    dependencies = [("quota", "0022_schedules")]
    operations = [_add(*key) for key in KEYS]
