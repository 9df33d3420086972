"""Termination is written down once, and never before its time."""

from datetime import timedelta

from django.db import migrations, models
from django.db.models import F, Q, Value


class Migration(migrations.Migration):
    """A renewal of what was terminated would break the first constraint."""

    dependencies = [("quota", "0009_subscriptions_renew_themselves")]
    operations = [
        *[
            migrations.AddField(
                "subscription", name, models.DateTimeField(blank=True, null=True)
            )
            for name in ("terminated_at", "data_deleted_at")
        ],
        migrations.AddConstraint(
            "subscription",
            models.CheckConstraint(
                name="subscription_never_terminated_early",
                condition=Q(terminated_at=None)
                | Q(terminated_at__gte=F("ends_at") + Value(timedelta(days=6))),
            ),
        ),
        migrations.AddConstraint(
            "subscription",
            models.CheckConstraint(
                name="subscription_data_never_deleted_before_termination",
                condition=Q(data_deleted_at=None) | Q(terminated_at__isnull=False),
            ),
        ),
    ]
