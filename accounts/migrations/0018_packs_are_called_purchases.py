"""What pages call a pack of quota, in the name of a kind of notice too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A label only: nothing changes in the database."""

    dependencies = [
        ("accounts", "0017_failed_notices_are_found"),
    ]

    operations = [
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("expiry_reminder", "Expiry reminder"),
                    ("arrears", "Service isolated"),
                    ("terminated", "Terminated"),
                    ("renewed", "Renewed"),
                    ("auto_renewal_failed", "Auto-renewal failed"),
                    ("refund_decided", "Refund decided"),
                    ("order_paid", "Order paid"),
                    ("pack_ends", "Purchase ends"),
                    ("quota_80", "80% of quota used"),
                    ("quota_100", "Quota used up"),
                    ("run_skipped", "Scheduled run skipped"),
                    ("run_cut", "Scheduled run cut"),
                    ("access_asked", "Access asked for"),
                    ("quota_asked", "More quota asked for"),
                ],
                max_length=24,
            ),
        ),
    ]
