"""Who switched auto-renewal: of the same account, and written once."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

WALL = "autorenewswitch_subscription_id_same_account"


class Migration(migrations.Migration):
    """The table, its composite key and its lock."""

    dependencies = [
        ("accounts", "0015_access_is_asked_for_and_addresses_change"),
        ("quota", "0043_support_resets_second_factors"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AutoRenewSwitch",
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
                ("is_on", models.BooleanField()),
                ("created_at", models.DateTimeField()),
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
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="switches",
                        to="quota.subscription",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "auto-renew switches",
                "abstract": False,
                "indexes": [
                    models.Index(
                        fields=["account", "subscription", "-id"],
                        name="switch_of_subscription",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"),
                        models.F("id"),
                        name="autorenewswitch_by_account",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            f"ALTER TABLE quota_autorenewswitch ADD CONSTRAINT {WALL}"
            " FOREIGN KEY (account_id, subscription_id)"
            " REFERENCES quota_subscription (account_id, id)"
            " DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE quota_autorenewswitch DROP CONSTRAINT {WALL}",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE"
            " ON quota_autorenewswitch"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER append_only ON quota_autorenewswitch",
        ),
    ]
