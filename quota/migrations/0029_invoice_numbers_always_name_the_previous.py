"""An unknown previous number would pass the check: nothing is not false to it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_billing_details"),
        ("quota", "0028_groups_of_staff"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="invoicenumber",
            name="invoice_number_follows_the_previous",
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
                            models.expressions.CombinedExpression(
                                models.F("number"), "-", models.Value(1)
                            ),
                        ),
                        ("previous__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="invoice_number_follows_the_previous",
            ),
        ),
    ]
