"""Registries, their syncs, and images seen in them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import accounts.credentials


def _same_account(child: str) -> migrations.RunSQL:
    name = f"{child}_registry_id_same_account"
    return migrations.RunSQL(
        f"ALTER TABLE quota_{child} ADD CONSTRAINT {name}"
        " FOREIGN KEY (account_id, registry_id)"
        " REFERENCES quota_registry (account_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE quota_{child} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_people_and_balance"),
        ("quota", "0014_refunds_close_what_they_pay_back"),
    ]

    operations = [
        migrations.CreateModel(
            name="RegistrySync",
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
                ("is_full", models.BooleanField(default=False)),
                ("night", models.DateField(null=True)),
                ("requested_at", models.DateTimeField()),
                ("began_at", models.DateTimeField(null=True)),
                ("cursor", models.CharField(blank=True, max_length=300)),
                ("repositories", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(null=True)),
                ("tags", models.PositiveIntegerField(default=0)),
                ("new", models.PositiveIntegerField(default=0)),
                ("gone", models.PositiveIntegerField(default=0)),
                ("unread", models.PositiveIntegerField(default=0)),
                ("unread_example", models.CharField(blank=True, max_length=500)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("claim", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("resume_at", models.DateTimeField(null=True)),
                ("waits_because", models.CharField(blank=True, max_length=500)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[("done", "Synced"), ("failed", "Failed")],
                        max_length=6,
                    ),
                ),
                ("message", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="sighting",
            name="is_latest",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="sighting",
            name="namespace",
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name="sighting",
            name="tag_digest",
            field=models.CharField(blank=True, max_length=71),
        ),
        migrations.AlterField(
            model_name="sighting",
            name="source",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="quota.imagesource",
            ),
        ),
        migrations.CreateModel(
            name="Registry",
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
                ("name", models.CharField(max_length=60)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("docker", "Docker registry"),
                            ("harbor", "Harbor"),
                            ("quay", "Quay"),
                            ("jfrog", "JFrog Artifactory"),
                            ("ecr", "Amazon ECR"),
                            ("acr", "Azure ACR"),
                            ("tcr", "Tencent TCR"),
                        ],
                        default="docker",
                        max_length=6,
                    ),
                ),
                ("address", models.CharField(max_length=300)),
                ("username", models.CharField(blank=True, max_length=200)),
                ("password", accounts.credentials.EncryptedField(blank=True)),
                ("verify_certificate", models.BooleanField(default=True)),
                ("ca_certificate", models.TextField(blank=True)),
                ("pull_limit", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "only",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("scanner", models.CharField(blank=True, max_length=32)),
                ("created_at", models.DateTimeField()),
                ("checked_at", models.DateTimeField(null=True)),
                ("succeeded_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=500)),
                ("remedy", models.CharField(blank=True, max_length=500)),
                ("hour_began_at", models.DateTimeField(null=True)),
                ("pulls", models.PositiveIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.account",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "registries",
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="sighting",
            name="registry",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="quota.registry",
            ),
        ),
        migrations.AddConstraint(
            model_name="sighting",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("registry"),
                models.F("name"),
                models.F("tag"),
                models.F("image"),
                name="sighting_once_per_registry_tag",
            ),
        ),
        migrations.AddConstraint(
            model_name="sighting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("registry", None),
                        ("source__isnull", False),
                        ("tag_digest", ""),
                    ),
                    models.Q(
                        ("registry__isnull", False),
                        ("source", None),
                        models.Q(("tag_digest", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="sighting_at_a_source_or_in_a_registry",
            ),
        ),
        migrations.AddField(
            model_name="registrysync",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="registrysync",
            name="registry",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="syncs",
                to="quota.registry",
            ),
        ),
        migrations.AddField(
            model_name="registrysync",
            name="requested_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="registry",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("id"), name="registry_by_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="registry",
            constraint=models.UniqueConstraint(
                models.F("account"),
                django.db.models.functions.text.Lower("name"),
                name="registry_name_once_per_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="registry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("password", ""), ("password__startswith", "gAAAA"), _connector="OR"
                ),
                name="registry_password_never_in_plain_text",
            ),
        ),
        migrations.AddConstraint(
            model_name="registry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("failing_since", None), ("problem", ""), ("remedy", "")),
                    models.Q(
                        ("failing_since__isnull", False),
                        models.Q(("problem", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="registry_failure_is_dated_and_explained",
            ),
        ),
        migrations.AddConstraint(
            model_name="registry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("pull_limit", None), ("pull_limit__gte", 1), _connector="OR"
                ),
                name="registry_pull_limit_lets_something_through",
            ),
        ),
        migrations.AddIndex(
            model_name="registrysync",
            index=models.Index(
                fields=["account", "registry", "-id"], name="sync_of_registry"
            ),
        ),
        migrations.AddIndex(
            model_name="registrysync",
            index=models.Index(
                models.F("requested_at"),
                condition=models.Q(("ended_at", None)),
                name="sync_live",
            ),
        ),
        migrations.AddConstraint(
            model_name="registrysync",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("id"), name="registrysync_by_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="registrysync",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("registry"),
                condition=models.Q(("ended_at", None)),
                name="sync_one_at_a_time_per_registry",
            ),
        ),
        migrations.AddConstraint(
            model_name="registrysync",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("registry"),
                models.F("night"),
                name="sync_once_per_night",
            ),
        ),
        migrations.AddConstraint(
            model_name="registrysync",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("outcome", "")),
                    models.Q(
                        ("claim", None),
                        ("ended_at__isnull", False),
                        models.Q(("outcome", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="sync_end_is_dated_and_has_an_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="registrysync",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("claim", None), ("lease_until", None)),
                    models.Q(("claim__isnull", False), ("lease_until__isnull", False)),
                    _connector="OR",
                ),
                name="sync_claimed_with_a_lease",
            ),
        ),
        *[_same_account(child) for child in ("sighting", "registrysync")],
        # The other way: what was only seen in a registry cannot be said any more.
        migrations.RunSQL(
            migrations.RunSQL.noop,
            [
                "DELETE FROM quota_sighting WHERE registry_id IS NOT NULL",
                "UPDATE quota_image SET is_repository = false, repository_tags = 0"
                " WHERE is_repository",
                "SET CONSTRAINTS ALL IMMEDIATE",
            ],
        ),
    ]
