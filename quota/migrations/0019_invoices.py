"""Invoices, credit notes, and the register of their numbers."""

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import accounts.fields


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_billing_details"),
        ("quota", "0018_tasks_end_with_their_scans"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Invoice",
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
                        choices=[("invoice", "Invoice"), ("credit", "Credit note")],
                        max_length=7,
                    ),
                ),
                ("label", models.CharField(max_length=40)),
                ("currency", models.CharField(max_length=3)),
                ("net", accounts.fields.MoneyField()),
                ("tax", accounts.fields.MoneyField()),
                ("total", accounts.fields.MoneyField()),
                ("tax_words", models.CharField(max_length=80)),
                ("note", models.CharField(blank=True, max_length=300)),
                ("seller", models.JSONField()),
                ("buyer", models.JSONField()),
                ("lines", models.JSONField()),
                ("issued_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="InvoiceNumber",
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
                ("number", models.PositiveIntegerField()),
                ("previous", models.PositiveIntegerField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="InvoiceSeries",
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
                ("seller", models.CharField(max_length=12)),
                (
                    "kind",
                    models.CharField(
                        choices=[("invoice", "Invoice"), ("credit", "Credit note")],
                        max_length=7,
                    ),
                ),
                ("year", models.PositiveSmallIntegerField()),
                ("last", models.PositiveIntegerField(default=0)),
                ("issued_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "invoice series",
            },
        ),
        migrations.AddField(
            model_name="order",
            name="invoiced_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("invoiced_at", None)),
                fields=["created_at", "id"],
                name="order_to_invoice",
            ),
        ),
        migrations.AddIndex(
            model_name="orderline",
            index=models.Index(
                condition=models.Q(("credited__isnull", False)),
                fields=["account", "credited"],
                name="order_line_of_credited",
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="credited",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_notes",
                to="quota.order",
            ),
        ),
        migrations.AddField(
            model_name="invoice",
            name="order",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoices",
                to="quota.order",
            ),
        ),
        migrations.AddField(
            model_name="invoicenumber",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="invoicenumber",
            name="invoice",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="quota.invoice",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoiceseries",
            constraint=models.UniqueConstraint(
                models.F("seller"),
                models.F("kind"),
                models.F("year"),
                name="invoice_series_once",
            ),
        ),
        migrations.AddField(
            model_name="invoicenumber",
            name="series",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="numbers",
                to="quota.invoiceseries",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                fields=["account", "credited"], name="credit_note_of_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("id"), name="invoice_by_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("order"),
                condition=models.Q(("kind", "invoice")),
                name="invoice_once_per_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("order"),
                models.F("credited"),
                condition=models.Q(("kind", "credit")),
                name="credit_note_once_per_order_touched",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("credited", None), ("kind", "invoice")),
                    models.Q(("credited__isnull", False), ("kind", "credit")),
                    _connector="OR",
                ),
                name="invoice_credit_note_names_the_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("tax__gte", 0),
                    (
                        "total",
                        django.db.models.expressions.CombinedExpression(
                            models.F("net"), "+", models.F("tax")
                        ),
                    ),
                    ("total__gt", 0),
                ),
                name="invoice_total_is_net_and_tax",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicenumber",
            constraint=models.UniqueConstraint(
                models.F("series"), models.F("number"), name="invoice_number_given_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicenumber",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("invoice"),
                name="invoice_number_one_per_invoice",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("number", 1), ("previous", None)),
                    models.Q(
                        ("number__gt", 1),
                        (
                            "previous",
                            django.db.models.expressions.CombinedExpression(
                                models.F("number"), "-", models.Value(1)
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="invoice_number_follows_the_previous",
            ),
        ),
    ]
