"""The sums of one month are read from its own bins."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_staff_see_customers"),
        ("quota", "0036_batches_and_names_are_known"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="usagebin",
            index=models.Index(
                fields=["account", "window", "kind"], name="bin_of_window"
            ),
        ),
    ]
