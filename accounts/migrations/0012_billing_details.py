"""To whom invoices are written."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_account_keeps_its_creator"),
    ]

    operations = [
        migrations.CreateModel(
            name="BillingDetails",
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
                ("name", models.CharField(max_length=150)),
                ("address", models.CharField(blank=True, max_length=500)),
                (
                    "tax_id",
                    models.CharField(
                        blank=True, max_length=40, verbose_name="tax identifier"
                    ),
                ),
                ("changed_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="billing_details",
                        to="accounts.account",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "billing details",
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("id"),
                        name="billing_details_by_account",
                    ),
                    models.UniqueConstraint(
                        models.F("account"), name="billing_details_once_per_account"
                    ),
                ],
            },
        ),
    ]
