"""A notice that somebody asks for more quota."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One more kind."""

    dependencies = [
        ("accounts", "0015_access_is_asked_for_and_addresses_change"),
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
                    ("pack_ends", "Pack ends"),
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
