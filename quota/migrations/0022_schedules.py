"""The schedule of each list of images, and its runs."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_money_comes_in"),
        ("quota", "0021_large_tables_are_known"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("local", "local"), ("repository", "repository")],
                        max_length=10,
                    ),
                ),
                ("is_on", models.BooleanField()),
                ("cycle_days", models.PositiveSmallIntegerField()),
                ("start", models.TimeField()),
                ("stop_by", models.TimeField(null=True)),
                (
                    "categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), size=None
                    ),
                ),
                ("scope", models.CharField(max_length=11)),
                (
                    "images",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "left_out",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200),
                        default=list,
                        size=None,
                    ),
                ),
                ("latest_only", models.BooleanField(default=False)),
                ("fit", models.BooleanField(default=False)),
                ("due_at", models.DateTimeField(null=True)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("previous", models.JSONField(null=True)),
                ("saved_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.account",
                    ),
                ),
                (
                    "saved_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ScheduledRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("ran_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("Success", "Started"),
                            ("InsufficientLicense", "Not enough quota"),
                            ("ImageNeedIsEmpty", "Nothing to scan"),
                            ("InternalError", "Something broke on our side"),
                            ("Skipped", "Skipped"),
                        ],
                        max_length=19,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("cut", models.PositiveIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.account",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="quota.schedule",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="quota.scantask",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                models.F("due_at"),
                condition=models.Q(("is_on", True)),
                name="schedule_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("id"), name="schedule_by_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("kind"), name="schedule_once_per_list"
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["local", "repository"])),
                name="schedule_is_of_a_list_of_images",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("cycle_days__in", (1, 7, 15, 30))),
                name="schedule_cycle_is_one_offered",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("stop_by", None),
                    models.Q(("stop_by", models.F("start")), _negated=True),
                    _connector="OR",
                ),
                name="schedule_never_stops_when_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("categories__len__gte", 1)),
                name="schedule_looks_for_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scope", "selected"), _negated=True),
                    ("images__len__gte", 1),
                    _connector="OR",
                ),
                name="schedule_of_chosen_images_has_some",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("scope__in", ["selected", "recommended", "all"])),
                name="schedule_scope_is_one_offered",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("due_at__isnull", False), ("is_on", True)),
                    models.Q(("due_at", None), ("is_on", False)),
                    _connector="OR",
                ),
                name="schedule_is_due_while_it_is_on",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("id"), name="scheduledrun_by_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("schedule"),
                models.F("due_at"),
                name="run_once_per_due_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("task"), name="run_has_a_task_of_its_own"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", "Success"), ("task__isnull", False)),
                    models.Q(
                        models.Q(("outcome", "Success"), _negated=True),
                        ("cut", 0),
                        ("task", None),
                    ),
                    _connector="OR",
                ),
                name="run_has_a_task_exactly_when_it_started",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("outcome", "Success"),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="run_without_a_task_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("ran_at__gte", models.F("due_at"))),
                name="run_never_before_it_is_due",
            ),
        ),
    ]
