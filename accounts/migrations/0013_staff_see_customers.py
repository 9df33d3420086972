"""Staff see the back office, and look as customers: a permission each."""

from django.db import migrations


class Migration(migrations.Migration):
    """Nothing in the table changes."""

    dependencies = [("accounts", "0012_billing_details")]
    operations = [
        migrations.AlterModelOptions(
            "account",
            {
                "permissions": [
                    ("see_back_office", "Can see everything in the back office"),
                    ("look_as_customer", "Can look at a customer's console"),
                ]
            },
        )
    ]
