"""The back office counts the notices that failed, among all there ever were."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """An index of those alone."""

    atomic = False

    dependencies = [
        ("accounts", "0016_more_quota_is_asked_for"),
    ]

    operations = [
        # A build that was cut short leaves an index that is not valid behind.
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS notice_failed", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("state", "failed")),
                fields=["id"],
                name="notice_failed",
            ),
        ),
    ]
