"""A debt is explained by the entries: balance less debt is their sum."""

from django.db import migrations, models

import accounts.fields


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_verified_addresses"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="balanceentry",
            name="balance_entry_balance_after_includes_it",
        ),
        migrations.AddField(
            model_name="balanceentry",
            name="debt_after",
            field=accounts.fields.MoneyField(default=0),
        ),
        migrations.AddConstraint(
            model_name="balanceentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("balance_after", 0), ("debt_after__gte", 0)),
                    ("debt_after", 0),
                    _connector="OR",
                ),
                name="balance_entry_never_leaves_both_balance_and_debt",
            ),
        ),
        migrations.AddConstraint(
            model_name="balanceentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind", "reversal"),
                    ("amount__gt", 0),
                    ("debt_after", 0),
                    _connector="OR",
                ),
                name="balance_entry_only_a_reversal_makes_a_debt",
            ),
        ),
        migrations.AddConstraint(
            model_name="balanceentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["adjustment", "reversal"]), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="balance_entry_by_hand_says_why",
            ),
        ),
    ]
