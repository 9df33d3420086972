"""What the nightly proof of the books found is kept; tariffs get a permission."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Both serve the back office."""

    dependencies = [("quota", "0026_decisions_are_kept")]
    operations = [
        migrations.CreateModel(
            "ReconcileRun",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("claims", models.PositiveIntegerField()),
                ("checked", models.PositiveBigIntegerField()),
                ("broken", models.JSONField(default=dict)),
            ],
            {"ordering": ["-started_at"]},
        ),
        migrations.AlterModelOptions(
            "tariff",
            {"permissions": [("edit_tariff", "Can add a new version of a tariff")]},
        ),
    ]
