"""People may sign in with a second factor; what changes it ends their sessions."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.credentials


class Migration(migrations.Migration):
    """Whoever is signed in stays so."""

    dependencies = [
        ("accounts", "0013_staff_see_customers"),
    ]

    operations = [
        migrations.CreateModel(
            name="RecoveryCode",
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
                ("digest", models.CharField(max_length=64)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SecondFactor",
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
                ("secret", accounts.credentials.EncryptedField()),
                ("last_step", models.BigIntegerField(default=-1)),
                ("created_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    (
                        "reset_second_factor",
                        "Can turn off the second factor of a customer",
                    )
                ]
            },
        ),
        migrations.RemoveConstraint(
            model_name="letter",
            name="letter_names_what_it_is_about",
        ),
        migrations.AddField(
            model_name="user",
            name="session_epoch",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
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
                        ("kind__in", ["password_reset", "second_factor"]),
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
        migrations.AddField(
            model_name="secondfactor",
            name="user",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="second_factor",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="recoverycode",
            name="factor",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="recovery_codes",
                to="accounts.secondfactor",
            ),
        ),
        migrations.AddConstraint(
            model_name="recoverycode",
            constraint=models.UniqueConstraint(
                models.F("factor"),
                models.F("digest"),
                name="recovery_code_once_per_factor",
            ),
        ),
    ]
