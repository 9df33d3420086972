"""What a refund does to windows, orders and Professional Edition."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A window is taken back once; a refunded subscription ended when it was."""

    dependencies = [("quota", "0013_refunds_keep_to_their_account")]
    operations = [
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("window"),
                condition=models.Q(("kind", "revoke")),
                name="ledger_revoke_once_per_window",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="credited",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_lines",
                to="quota.order",
            ),
        ),
        migrations.AddField(
            model_name="subscription",
            name="history_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="subscription",
            name="refunded_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_at", None),
                    ("ends_at__lte", models.F("refunded_at")),
                    _connector="OR",
                ),
                name="subscription_refunded_ends_when_it_was",
            ),
        ),
        migrations.RunSQL(
            "ALTER TABLE quota_orderline ADD CONSTRAINT orderline_credited_id_same_account FOREIGN KEY (account_id, credited_id) REFERENCES quota_order (account_id, id) DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE quota_orderline DROP CONSTRAINT orderline_credited_id_same_account",
        ),
    ]
