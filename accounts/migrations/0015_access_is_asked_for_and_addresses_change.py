"""A notice that somebody asks for a right, and a letter to an address that was left."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Two more kinds; a letter to an old address names its person."""

    dependencies = [
        ("accounts", "0014_second_factor"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="letter",
            name="letter_names_what_it_is_about",
        ),
        migrations.AlterField(
            model_name="letter",
            name="kind",
            field=models.CharField(
                choices=[
                    ("code", "Code"),
                    ("invite", "Invitation"),
                    ("password_reset", "Password reset"),
                    ("sign_up", "Sign-up"),
                    ("second_factor", "Second factor"),
                    ("email_changed", "Email changed"),
                ],
                max_length=24,
            ),
        ),
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
                ],
                max_length=24,
            ),
        ),
        migrations.AddConstraint(
            model_name="letter",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("code__isnull", False), ("kind", "code")),
                    models.Q(("invite__isnull", False), ("kind", "invite")),
                    models.Q(
                        (
                            "kind__in",
                            ["password_reset", "second_factor", "email_changed"],
                        ),
                        ("user__isnull", False),
                    ),
                    models.Q(
                        ("kind", "sign_up"), models.Q(("address", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="letter_names_what_it_is_about",
            ),
        ),
    ]
