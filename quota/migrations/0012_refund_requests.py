"""Requests for a refund, and the history of each."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.fields


class Migration(migrations.Migration):
    """Which state needs which signature is a constraint."""

    dependencies = [
        ("accounts", "0004_audit_never_changed"),
        ("quota", "0011_packs_only_fall"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="RefundEvent",
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
                    "act",
                    models.CharField(
                        choices=[
                            ("requested", "Sent"),
                            ("assigned", "Assigned"),
                            ("approved", "Approved"),
                            ("confirmed", "Confirmed"),
                            ("waiting", "Waiting for running scans"),
                            ("paid", "Paid to balance"),
                            ("rejected", "Rejected"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        max_length=10,
                    ),
                ),
                ("state_before", models.CharField(blank=True, max_length=16)),
                ("state_after", models.CharField(max_length=16)),
                ("amount", accounts.fields.MoneyField(null=True)),
                ("words", models.CharField(blank=True, max_length=500)),
                ("address", models.GenericIPAddressField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RefundRequest",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("edition", "Professional Edition"),
                            ("pack", "Image scan quota"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("moving", "Moving to another scanner"),
                            ("too_much", "Bought more than needed"),
                            ("mistake", "Bought by mistake"),
                            ("problem", "Something does not work"),
                            ("other", "Something else"),
                        ],
                        max_length=10,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("computation", models.JSONField()),
                ("estimate", accounts.fields.MoneyField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "In review"),
                            ("awaiting_second", "Awaiting a second person"),
                            ("closing", "Closing"),
                            ("approved", "Approved"),
                            ("rejected", "Not approved"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="requested",
                        max_length=16,
                    ),
                ),
                ("requested_at", models.DateTimeField()),
                ("amount", accounts.fields.MoneyField(null=True)),
                ("as_computed", models.BooleanField(default=True)),
                (
                    "holds",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("stop", "Stop them now"),
                            ("wait", "Wait until they end"),
                        ],
                        max_length=4,
                    ),
                ),
                ("answer", models.CharField(blank=True, max_length=500)),
                ("approved_at", models.DateTimeField(null=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "permissions": [
                    ("process_refund", "Can decide refunds"),
                    (
                        "confirm_large_refund",
                        "Can confirm large refunds as second person",
                    ),
                    (
                        "override_refund",
                        "Can approve a refund after Professional Edition ends",
                    ),
                ],
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="refundevent",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="refundevent",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="approved_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="assigned_to",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="confirmed_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="ended_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="order",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refund_requests",
                to="quota.order",
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="pack",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refund_requests",
                to="quota.quotapack",
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="refund_order",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="quota.order",
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="requested_by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="refundrequest",
            name="subscription",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refund_requests",
                to="quota.subscription",
            ),
        ),
        migrations.AddField(
            model_name="refundevent",
            name="refund",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="quota.refundrequest",
            ),
        ),
        migrations.AddIndex(
            model_name="refundrequest",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ("requested", "awaiting_second", "closing"))
                ),
                fields=["requested_at"],
                name="refund_queue",
            ),
        ),
        migrations.AddIndex(
            model_name="refundrequest",
            index=models.Index(
                fields=["account", "requested_at"], name="refund_by_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("id"), name="refundrequest_by_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("key"), name="refund_once_per_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("pack"),
                condition=models.Q(
                    (
                        "state__in",
                        ["requested", "awaiting_second", "closing", "approved"],
                    )
                ),
                name="refund_one_open_or_approved_per_pack",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("subscription"),
                condition=models.Q(
                    (
                        "state__in",
                        ["requested", "awaiting_second", "closing", "approved"],
                    )
                ),
                name="refund_one_open_or_approved_per_subscription",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind", "pack"),
                        ("pack__isnull", False),
                        ("subscription", None),
                    ),
                    models.Q(
                        ("kind", "edition"),
                        ("pack", None),
                        ("subscription__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="refund_is_of_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("confirmed_by", None),
                        ("ended_at", None),
                        ("state", "requested"),
                        ("amount", None),
                        ("approved_at", None),
                        ("approved_by", None),
                    ),
                    models.Q(
                        ("confirmed_by", None),
                        ("ended_at", None),
                        ("state", "awaiting_second"),
                        ("amount__isnull", False),
                        ("approved_at__isnull", False),
                        ("approved_by__isnull", False),
                    ),
                    models.Q(
                        ("ended_at", None),
                        ("state", "closing"),
                        ("amount__isnull", False),
                        ("approved_at__isnull", False),
                        ("approved_by__isnull", False),
                    ),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("refund_order__isnull", False),
                        ("state", "approved"),
                        ("amount__isnull", False),
                        ("approved_at__isnull", False),
                        ("approved_by__isnull", False),
                    ),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("ended_by__isnull", False),
                        ("refund_order", None),
                        ("state__in", ["rejected", "withdrawn"]),
                    ),
                    _connector="OR",
                ),
                name="refund_state_carries_its_signatures",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("confirmed_at", None), ("confirmed_by", None)),
                    models.Q(
                        ("confirmed_at__isnull", False), ("confirmed_by__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="refund_signatures_are_dated",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("approved_by", None),
                        models.Q(
                            ("approved_by", models.F("requested_by")), _negated=True
                        ),
                        _connector="OR",
                    ),
                    models.Q(
                        ("confirmed_by", None),
                        models.Q(
                            ("confirmed_by", models.F("requested_by")), _negated=True
                        ),
                        _connector="OR",
                    ),
                    models.Q(
                        models.Q(("state", "rejected"), _negated=True),
                        models.Q(("ended_by", models.F("requested_by")), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="refund_never_decided_by_who_asked",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirmed_by", None),
                    models.Q(("confirmed_by", models.F("approved_by")), _negated=True),
                    _connector="OR",
                ),
                name="refund_second_person_is_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount", None), ("amount__gt", 0), _connector="OR"
                ),
                name="refund_amount_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("as_computed", True),
                        models.Q(("answer", ""), _negated=True),
                        _connector="OR",
                    ),
                    models.Q(
                        models.Q(("state", "rejected"), _negated=True),
                        models.Q(("answer", ""), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="refund_other_amount_or_no_is_explained",
            ),
        ),
        migrations.AddIndex(
            model_name="refundevent",
            index=models.Index(
                fields=["account", "refund", "id"], name="event_of_refund"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundevent",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("id"), name="refundevent_by_account"
            ),
        ),
    ]
