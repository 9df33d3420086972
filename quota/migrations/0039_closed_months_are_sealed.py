"""Statements of closed months are sealed: their hashes are kept."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_staff_see_customers"),
        ("quota", "0038_packs_are_left_out_of_renewals"),
    ]

    operations = [
        migrations.CreateModel(
            name="StatementSeal",
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
                ("entries", models.BigIntegerField()),
                ("head", models.CharField(max_length=64)),
                ("tail", models.CharField(max_length=64)),
                ("sealed_at", models.DateTimeField()),
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
                        related_name="seals",
                        to="quota.quotawindow",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("id"),
                        name="statementseal_by_account",
                    ),
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("window"),
                        name="month_sealed_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("head__regex", "^[0-9a-f]{64}$"),
                            ("tail__regex", "^[0-9a-f]{64}$"),
                        ),
                        name="seal_is_two_hashes",
                    ),
                ],
            },
        ),
    ]
