"""The switch of auto-renewal, off on every subscription there is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """And the index by which jobs find what is about to end."""

    dependencies = [("quota", "0008_images_of_registries")]
    operations = [
        migrations.AddField(
            "subscription", "auto_renew", models.BooleanField(default=False)
        ),
        migrations.AddField(
            "subscription",
            "auto_renew_tried_at",
            models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            "subscription",
            models.Index(fields=["ends_at"], name="subscription_by_end"),
        ),
    ]
