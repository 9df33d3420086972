"""Top-ups, bank transfers, events of payment providers, and adjustments."""

from decimal import Decimal

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.fields


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_entries_state_the_debt"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaymentEvent",
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
                ("provider", models.CharField(max_length=6)),
                ("event", models.CharField(max_length=255)),
                ("kind", models.CharField(max_length=80)),
                ("effect", models.CharField(max_length=8)),
                ("thing", models.CharField(max_length=255)),
                ("top_up", models.CharField(blank=True, max_length=255)),
                ("session", models.CharField(blank=True, max_length=255)),
                ("payment", models.CharField(blank=True, max_length=255)),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=4, default=Decimal("0"), max_digits=18
                    ),
                ),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("received_at", models.DateTimeField()),
                ("handled_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("handled_at", None)),
                        fields=["payment"],
                        name="payment_event_waiting",
                    ),
                    models.Index(fields=["thing"], name="payment_event_by_thing"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("provider"),
                        models.F("event"),
                        name="payment_event_received_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Adjustment",
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
                ("key", models.UUIDField()),
                ("amount", accounts.fields.MoneyField()),
                ("reason", models.CharField(max_length=300)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting for a second person"),
                            ("booked", "Booked"),
                            ("declined", "Declined"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("needs_second", models.BooleanField()),
                ("asked_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="adjustments",
                        to="accounts.account",
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("adjust_balance", "Can adjust balances"),
                    ("confirm_adjustment", "Can confirm adjustments as second person"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("id"),
                        name="adjustment_by_account",
                    ),
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("key"),
                        name="adjustment_once_per_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount", 0), _negated=True),
                            models.Q(("reason", ""), _negated=True),
                        ),
                        name="adjustment_moves_something_and_says_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at", None),
                                ("decided_by", None),
                                ("state", "waiting"),
                            ),
                            models.Q(
                                models.Q(("state", "waiting"), _negated=True),
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="adjustment_decision_is_dated_and_signed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("needs_second", False),
                            models.Q(("state", "booked"), _negated=True),
                            models.Q(
                                ("decided_by", models.F("asked_by")), _negated=True
                            ),
                            _connector="OR",
                        ),
                        name="adjustment_second_person_is_another",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BankTransfer",
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
                ("amount", accounts.fields.MoneyField()),
                ("bank_reference", models.CharField(max_length=80)),
                ("value_on", models.DateField()),
                ("recorded_at", models.DateTimeField()),
                ("reversed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
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
                "permissions": [
                    ("record_top_up", "Can record bank transfers as top-ups"),
                    ("reverse_top_up", "Can take back wrong top-ups"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("bank_reference"),
                        condition=models.Q(("reversed_at", None)),
                        name="bank_transfer_recorded_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)),
                        name="bank_transfer_amount_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TopUp",
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
                ("key", models.UUIDField()),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("bank", "Bank transfer"),
                            ("stripe", "Card or other method"),
                        ],
                        max_length=6,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("open", "Waiting for the payment"),
                            ("paid", "Paid"),
                            ("expired", "Expired"),
                            ("failed", "Declined"),
                        ],
                        default="requested",
                        max_length=9,
                    ),
                ),
                ("amount", accounts.fields.MoneyField()),
                ("currency", models.CharField(max_length=3)),
                ("session", models.CharField(blank=True, max_length=255)),
                ("page", models.CharField(blank=True, max_length=2000)),
                ("payment", models.CharField(blank=True, max_length=255)),
                ("reversed_amount", accounts.fields.MoneyField(default=0)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField()),
                ("paid_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="top_ups",
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
                "verbose_name": "top-up",
                "indexes": [
                    models.Index(
                        condition=models.Q(("payment", ""), _negated=True),
                        fields=["payment"],
                        name="top_up_by_payment",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("method", "stripe"), ("state__in", ["requested", "open"])
                        ),
                        fields=["created_at"],
                        name="top_up_to_ask_about",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"), models.F("id"), name="top_up_by_account"
                    ),
                    models.UniqueConstraint(
                        models.F("account"), models.F("key"), name="top_up_once_per_key"
                    ),
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("payment"),
                        condition=models.Q(("payment", ""), _negated=True),
                        name="top_up_once_per_payment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)),
                        name="top_up_amount_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("paid_at__isnull", False), ("state", "paid")),
                            models.Q(
                                models.Q(("state", "paid"), _negated=True),
                                ("paid_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="top_up_payment_is_dated",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reversed_amount__gte", 0),
                            models.Q(
                                ("reversed_amount", 0),
                                models.Q(
                                    ("reversed_amount__lte", models.F("amount")),
                                    ("state", "paid"),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="top_up_never_reversed_beyond_what_was_paid",
                    ),
                ],
            },
        ),
    ]
