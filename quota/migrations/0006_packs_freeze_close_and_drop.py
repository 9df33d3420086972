"""When a pack stops being drawn from, is refunded, or is no longer renewed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Three dates, empty on every pack there is."""

    dependencies = [("quota", "0005_first_tariff")]
    operations = [
        migrations.AddField(
            "quotapack", name, models.DateTimeField(blank=True, null=True)
        )
        for name in ("frozen_at", "closed_at", "dropped_at")
    ]
