"""The statements of a charge are planned once a connection; behind a pooler never."""

from datetime import datetime

import pytest
from django.db import connection
from environs import Env

from accounts.models import Account
from quota.models import LedgerEntry
from quota.models.sql import run
from tcss_billing.databases import configured
from tests.factories import ImageFactory, finish, press

pytestmark = pytest.mark.django_db


def charge(account: Account, now: datetime) -> None:
    press(account, [ImageFactory.create(account=account)], now)
    finish(account, now)
    assert LedgerEntry.objects.latest("pk").kind == "settle"


def prepared() -> dict[str, str]:
    """What the connection has prepared, by name."""
    return dict(run("SELECT name, statement FROM pg_prepared_statements", {}))


def test_a_second_charge_plans_no_statement_again(
    account: Account, now: datetime
) -> None:
    charge(account, now)
    first = prepared()
    charge(account, now)

    assert any("INSERT INTO quota_ledgerentry" in each for each in first.values())
    assert prepared() == first


def test_behind_a_pooler_nothing_is_prepared(
    account: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_POOLER", "true")
    pooled = configured(Env())["default"]["OPTIONS"]["prepare_threshold"]
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", pooled)
    before = prepared()

    charge(account, now)

    assert prepared() == before
