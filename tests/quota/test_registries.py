"""Registries through services: their passwords, and what must never be."""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.test import override_settings

from accounts.credentials import CredentialUnreadable, Secret
from accounts.models import Account
from quota.errors import RegistryRefused
from quota.models import (
    Registry,
    RegistrySync,
    Sighting,
)
from quota.services import (
    registries,
    registry_syncs,
)
from quota.services.reconciling import reconcile
from quota.services.registries import Details
from tests.factories import account_with
from tests.registries import hostile as bad
from tests.registries.acts import connect, connect_real, scan, sync
from tests.registries.hostile import layer_of
from tests.registries.real import PASSWORD, RealRegistry

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("_private_allowed"),
]
FILES = {"etc/os-release": b"ID=debian\n"}


# Passwords


def test_a_password_is_encrypted_in_the_database_and_shown_nowhere(
    account: Account, now: datetime
) -> None:
    registry = connect(
        account, "https://r.example", now, username="u", password="s3cret-pass"
    )

    registry.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM quota_registry")
        (stored,) = cursor.fetchone()
    said = [
        stored,
        repr(registry.__dict__),
        str(registry.password),
        f"{registry.password}",
        serializers.serialize("json", [registry]),
        repr(registries.opened(registry).client.__dict__),
    ]
    assert registry.password.reveal() == "s3cret-pass"
    assert not [each for each in said if "s3cret-pass" in each]


def test_plain_text_never_reaches_the_column(account: Account, now: datetime) -> None:
    registry = connect(account, "https://r.example", now)
    rows = Registry.objects.filter(pk=registry.pk)

    with pytest.raises(TypeError, match="Only a Secret"), transaction.atomic():
        rows.update(password="plain")
    with (
        pytest.raises(IntegrityError, match="never_in_plain_text"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE quota_registry SET password = 'plain'")


def test_keys_rotate_and_the_old_one_can_then_go(
    account: Account, now: datetime
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    with override_settings(CREDENTIAL_KEYS=[old]):
        registry = connect(
            account, "https://r.example", now, username="u", password="s3cret"
        )

    with override_settings(CREDENTIAL_KEYS=[new, old]):
        call_command("rotate_credentials", verbosity=0)
    registry.refresh_from_db()

    with override_settings(CREDENTIAL_KEYS=[new]):
        assert registry.password.reveal() == "s3cret"
    with override_settings(CREDENTIAL_KEYS=[old]):
        with pytest.raises(CredentialUnreadable):
            registry.password.reveal()
        checked = registries.check(registry=registry, now=now)
    assert checked.problem == "The stored password can no longer be read."


def test_no_job_and_no_log_line_carries_a_password(
    account: Account, real: RealRegistry, now: datetime, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    registry = connect_real(account, real, now)

    sync(registry, now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name, args::text FROM procrastinate_jobs")
        jobs = cursor.fetchall()
    assert "quota.tasks.sync_registry" in [name for name, _ in jobs]
    assert PASSWORD not in str(jobs) + caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"address": "https://evil.example"},
        {"address": "https://r.example/elsewhere"},
        {"username": "other"},
        {"verify_certificate": False},
        {"ca_certificate": "their own"},
    ],
)
def test_a_password_is_not_kept_for_another_place(
    account: Account, now: datetime, change: dict[str, Any]
) -> None:
    """Else whoever may change it could have the password sent to their own place."""
    registry = connect(
        account, "https://r.example", now, username="u", password="s3cret",
        ca_certificate="one\ntwo",
    )  # fmt: skip
    stays = Details(
        name="r", type="docker", address="https://r.example", username="u",
        ca_certificate="one\r\ntwo\r\n", pull_limit=9,
    )  # fmt: skip

    with pytest.raises(RegistryRefused, match="Enter the password again"):
        registries.change(
            registry=registry, details=replace(stays, **change), password=""
        )

    registry.refresh_from_db()
    assert (registry.address, registry.pull_limit) == ("https://r.example", None)
    changed = registries.change(registry=registry, details=stays, password="")
    assert changed.password.reveal() == "s3cret"


def test_two_registries_never_have_one_name(account: Account, now: datetime) -> None:
    connect(account, "https://r.example", now, name="EU")

    with pytest.raises(RegistryRefused, match="called eu already"):
        connect(account, "https://other.example", now, name="eu")
    assert not Secret()


# What must never be


def test_a_registry_has_one_sync_at_a_time(account: Account, now: datetime) -> None:
    registry = connect(account, "https://r.example", now)
    every = {"account": account, "registries": [registry], "is_full": False, "by": None}

    assert registry_syncs.request(**every, now=now) == 1  # type: ignore[arg-type]
    assert registry_syncs.request(**every, now=now) == 0  # type: ignore[arg-type]
    with (
        pytest.raises(IntegrityError, match="one_at_a_time"),
        transaction.atomic(),
    ):
        RegistrySync.objects.create(
            account=account, registry=registry, requested_at=now
        )


def test_rows_of_registries_never_cross_accounts(
    account: Account, now: datetime
) -> None:
    stranger = account_with(now=now, slug="other")
    registry = connect(stranger, "https://r.example", now)

    with transaction.atomic(), connection.cursor() as cursor:
        RegistrySync.objects.create(
            account=account, registry=registry, requested_at=now
        )
        with pytest.raises(IntegrityError, match="same_account"):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("failure_is_dated_and_explained", {"problem": "x"}),
        ("pull_limit_lets_something_through", {"pull_limit": 0}),
        ("sync_end_is_dated", {"outcome": "done"}),
        ("sync_claimed_with_a_lease", {"claim": "0" * 32}),
        ("source_or_in_a_registry", {"tag_digest": ""}),
    ],
)
def test_a_row_never_contradicts_itself(
    account: Account,
    hostile: bad.Registry,
    now: datetime,
    constraint: str,
    columns: dict[str, object],
) -> None:
    hostile.holds()
    registry = connect(account, hostile.address, now)
    sync(registry, now)
    RegistrySync.objects.create(account=account, registry=registry, requested_at=now)
    rows: dict[str, QuerySet[Any]] = {
        "problem": Registry.objects.all(),
        "pull_limit": Registry.objects.all(),
        "outcome": RegistrySync.objects.filter(ended_at=None),
        "claim": RegistrySync.objects.filter(ended_at=None),
        "tag_digest": Sighting.objects.all(),
    }
    (name,) = columns

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        rows[name].update(**columns)


def test_the_books_are_proved_after_all_of_it(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds(layers=(layer_of(("etc/os-release", b"ID=debian\n")),))
    sync(connect(account, hostile.address, now), now)
    scan(account, now)

    assert [proof for proof in reconcile() if proof.broken] == []
