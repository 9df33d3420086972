"""A task has ended exactly when all its scans have."""

import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    """What a task keeps of its scans never contradicts itself."""

    dependencies = [("quota", "0017_fill_task_figures")]

    operations = [
        migrations.AddConstraint(
            model_name="scantask",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["local", "repository"])),
                name="task_is_of_a_list_of_images",
            ),
        ),
        migrations.AddConstraint(
            model_name="scantask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ended_at", None),
                        (
                            "images__gt",
                            django.db.models.expressions.CombinedExpression(
                                models.F("settled"), "+", models.F("released")
                            ),
                        ),
                    ),
                    models.Q(
                        ("ended_at__isnull", False),
                        (
                            "images",
                            django.db.models.expressions.CombinedExpression(
                                models.F("settled"), "+", models.F("released")
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="task_ends_when_all_its_scans_have",
            ),
        ),
        migrations.AddConstraint(
            model_name="scantask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "cost_tenths__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("used_tenths"), "+", models.F("returned_tenths")
                        ),
                    )
                ),
                name="task_never_uses_more_than_it_held",
            ),
        ),
    ]
