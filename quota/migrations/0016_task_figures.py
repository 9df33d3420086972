"""Figures that a task keeps of its scans, and the indexes of the task pages."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """A list of tasks reads these instead of counting scans."""

    dependencies = [
        ("accounts", "0004_audit_never_changed"),
        ("quota", "0015_registries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="scan",
            name="scan_of_task",
        ),
        migrations.AddField(
            model_name="scan",
            name="at_risk",
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name="scan",
            name="place",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(state="queued", then=models.Value(3)),
                    models.When(state="running", then=models.Value(1)),
                    models.When(state="settled", then=models.Value(2)),
                    models.When(
                        outcome__in=("stopped", "expired", "undone"),
                        then=models.Value(4),
                    ),
                    default=models.Value(0),
                ),
                output_field=models.SmallIntegerField(),
            ),
        ),
        migrations.AddField(
            model_name="scantask",
            name="at_risk",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="begun_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="scantask",
            name="critical",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="ended_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="scantask",
            name="failed",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="first_scans",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="high",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="kind",
            field=models.CharField(default="local", max_length=10),
        ),
        migrations.AddField(
            model_name="scantask",
            name="released",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="returned_tenths",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="sensitive",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="settled",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="stop_by",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="scantask",
            name="trojans",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="scantask",
            name="undone_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="scantask",
            name="used_tenths",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="scan",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("succeeded", "Scanned"),
                    ("failed", "Failed"),
                    ("timed_out", "Timed out"),
                    ("not_assessed", "Not assessed"),
                    ("stopped", "Stopped"),
                    ("expired", "Not started in time"),
                    ("undone", "Undone"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddIndex(
            model_name="scan",
            index=models.Index(
                fields=["account", "task", "place", "id"], name="scan_in_task"
            ),
        ),
        migrations.AddIndex(
            model_name="scan",
            index=models.Index(
                condition=models.Q(("at_risk", True)),
                fields=["account", "task", "id"],
                name="scan_at_risk",
            ),
        ),
        migrations.AddIndex(
            model_name="scantask",
            index=models.Index(
                fields=["account", "requested_at", "id"], name="task_latest"
            ),
        ),
        migrations.AddIndex(
            model_name="scantask",
            index=models.Index(
                fields=["account", "kind", "requested_at", "id"], name="task_of_kind"
            ),
        ),
        migrations.AddIndex(
            model_name="scantask",
            index=models.Index(
                fields=["account", "requested_by", "requested_at", "id"],
                name="task_of_person",
            ),
        ),
        migrations.AddIndex(
            model_name="scantask",
            index=models.Index(
                condition=models.Q(("ended_at", None)),
                fields=["account", "requested_at", "id"],
                name="task_live",
            ),
        ),
        migrations.AddIndex(
            model_name="scantask",
            index=models.Index(
                condition=models.Q(("failed__gt", 0)),
                fields=["account", "requested_at", "id"],
                name="task_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="scantask",
            index=models.Index(
                condition=models.Q(
                    ("stopped_at__isnull", False),
                    ("undone_at__isnull", False),
                    _connector="OR",
                ),
                fields=["account", "requested_at", "id"],
                name="task_stopped",
            ),
        ),
    ]
