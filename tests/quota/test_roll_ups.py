"""The ledger rolls itself up: by the quarter of an hour, by batch and by name."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F, Sum

from accounts.models import Account
from quota.models import (
    Kind,
    LedgerBatch,
    LedgerEntry,
    NameUsage,
    UsageBin,
)
from quota.pages.header import open_windows
from quota.pages.usage import usage_days
from quota.pages.words import Clock
from quota.services.reconciling import reconcile
from tests.factories import (
    ImageFactory,
    finish,
    press,
)
from tests.quota.spent import spent

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    return spent(now)


def _rolled_up(account: Account) -> dict[tuple[str, str], tuple[int, int]]:
    bins = UsageBin.objects.filter(account=account).values_list("kind", "reason")
    summed = bins.annotate(Sum("tenths"), Sum("entries"))
    return {(kind, reason): (tenths, n) for kind, reason, tenths, n in summed}


def test_the_roll_up_is_the_ledger(account: Account) -> None:
    entries = LedgerEntry.objects.filter(account=account)
    expected: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in entries:
        tenths, count = expected.get((entry.kind, entry.reason), (0, 0))
        expected[entry.kind, entry.reason] = (tenths + entry.tenths, count + 1)

    assert _rolled_up(account) == expected
    assert expected["settle", "first"] == (20, 2)
    assert expected["settle", "repeat"] == (1, 1)


def test_reconcile_sees_a_roll_up_that_is_not_the_ledger(account: Account) -> None:
    assert not [proof for proof in reconcile() if proof.broken]

    UsageBin.objects.filter(account=account, kind="settle").update(
        tenths=F("tenths") + 1
    )

    (broken,) = [proof for proof in reconcile() if proof.broken]
    assert broken.claim == "the roll-up of usage equals the ledger"


def test_days_begin_at_midnight_of_the_accounts_zone(account: Account) -> None:
    now = datetime(2026, 11, 26, 9, tzinfo=UTC)
    days = usage_days(account, open_windows(account, now), [], Clock(account, now))

    used = {day.date: (day.first_tenths, day.repeat_tenths) for day in days}

    assert used["2026-11-24"] == (20, 0)
    assert used["2026-11-25"] == (0, 1)
    assert sum(map(sum, used.values())) == 21


@pytest.mark.parametrize("table", [LedgerBatch, NameUsage])
def test_reconcile_sees_other_roll_ups_that_are_not_the_ledger(
    account: Account, table: type[LedgerBatch | NameUsage]
) -> None:
    table.objects.filter(account=account, reason="repeat").update(
        tenths=F("tenths") + 1
    )

    assert [proof.claim for proof in reconcile() if proof.broken]


def test_names_are_the_ones_images_had_in_the_list_of_the_task(
    account: Account, now: datetime
) -> None:
    image = ImageFactory.create(
        account=account, in_registry=True, name="host/name", repository="registry/name"
    )
    press(account, [image], now + timedelta(days=2), Kind.REPOSITORY)
    finish(account, now + timedelta(days=2))

    used = NameUsage.objects.filter(account=account).values_list(
        "source", "name", "reason", "tenths"
    )

    assert ("repository", "registry/name", "first", 10) in used
    assert ("local", "team/app-twice", "repeat", 1) in used
