"""When a renewal left a pack out, so that the next one may take it up again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A date, empty on every pack there is; a dropped pack never has one."""

    dependencies = [("quota", "0037_bins_are_found_by_window")]
    operations = [
        migrations.AddField(
            "quotapack", "left_out_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddConstraint(
            "quotapack",
            models.CheckConstraint(
                name="pack_dropped_is_not_left_out",
                condition=models.Q(dropped_at=None) | models.Q(left_out_at=None),
            ),
        ),
    ]
