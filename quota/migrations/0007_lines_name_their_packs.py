"""A line about quota names its pack, so that all that was paid for it can be found."""

import django.db.models.deletion
from django.db import migrations, models

NAME_PACKS = """
    UPDATE quota_orderline l SET pack_id = p.id FROM quota_quotapack p
    WHERE l.kind = 'pack' AND p.account_id = l.account_id AND p.order_id = l.order_id
"""
SAME_ACCOUNT = "orderline_pack_id_same_account"


class Migration(migrations.Migration):
    """Until now each order bought at most one pack."""

    dependencies = [("quota", "0006_packs_freeze_close_and_drop")]
    operations = [
        migrations.AddField(
            "orderline",
            "pack",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="order_lines",
                to="quota.quotapack",
            ),
        ),
        migrations.RunSQL(NAME_PACKS, migrations.RunSQL.noop),
        # The rows just named must pass the deferred keys before the table changes.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RunSQL(
            f"ALTER TABLE quota_orderline ADD CONSTRAINT {SAME_ACCOUNT}"
            " FOREIGN KEY (account_id, pack_id)"
            " REFERENCES quota_quotapack (account_id, id)"
            " DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE quota_orderline DROP CONSTRAINT {SAME_ACCOUNT}",
        ),
        migrations.AddIndex(
            "orderline",
            models.Index(
                condition=models.Q(("pack__isnull", False)),
                fields=["account", "pack"],
                name="order_line_of_pack",
            ),
        ),
        migrations.AddConstraint(
            "orderline",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "edition"), ("pack", None)),
                    models.Q(("kind", "pack"), ("pack__isnull", False)),
                    _connector="OR",
                ),
                name="order_line_of_a_pack_names_it",
            ),
        ),
    ]
