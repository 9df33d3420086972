"""The ledger by its lines, and by the names of images."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_staff_see_customers"),
        ("quota", "0033_walks_stay_in_the_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LedgerBatch",
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
                ("task", models.BigIntegerField(null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("grant", "Grant"),
                            ("hold", "Hold"),
                            ("settle", "Used"),
                            ("release", "Returned"),
                            ("lapse", "Reset"),
                            ("revoke", "Refund"),
                        ],
                        max_length=7,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[("first", "First scan"), ("repeat", "Repeat scan")],
                        max_length=6,
                    ),
                ),
                ("source", models.CharField(blank=True, max_length=10)),
                ("starts_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("tenths", models.BigIntegerField()),
                ("entries", models.PositiveIntegerField()),
                ("first_entry", models.BigIntegerField()),
                ("last_entry", models.BigIntegerField()),
                ("free_after_tenths", models.PositiveIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.account",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "window",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="batches",
                        to="quota.quotawindow",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        fields=["account", "window", "first_entry"],
                        name="batch_of_window",
                    ),
                    models.Index(
                        fields=["account", "kind", "reason", "first_entry"],
                        name="batch_of_kind",
                    ),
                    models.Index(
                        fields=["account", "by", "first_entry"], name="batch_of_person"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("id"),
                        name="ledgerbatch_by_account",
                    ),
                    models.UniqueConstraint(
                        fields=(
                            "account",
                            "task",
                            "window",
                            "kind",
                            "reason",
                            "starts_at",
                        ),
                        name="ledger_batch_once",
                        nulls_distinct=False,
                    ),
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("first_entry"),
                        name="ledger_batch_begins_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="NameUsage",
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
                ("source", models.CharField(blank=True, max_length=10)),
                ("name", models.CharField(blank=True, max_length=300)),
                (
                    "reason",
                    models.CharField(
                        choices=[("first", "First scan"), ("repeat", "Repeat scan")],
                        max_length=6,
                    ),
                ),
                ("tenths", models.BigIntegerField()),
                ("scans", models.PositiveIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.account",
                    ),
                ),
                (
                    "window",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="names",
                        to="quota.quotawindow",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"), models.F("id"), name="nameusage_by_account"
                    ),
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("window"),
                        models.F("source"),
                        models.F("name"),
                        models.F("reason"),
                        name="name_usage_once",
                    ),
                ],
            },
        ),
    ]
