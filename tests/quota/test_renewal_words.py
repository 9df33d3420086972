"""What renewing and switching say: scans that resume, too little kept, who switched."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import AutoRenewSwitch, Kind, QuotaPack
from quota.models.schedules import Settings
from quota.pages.account_desk import account_desk
from quota.pages.subscription import renewed_words
from quota.services import scheduling
from tests.addresses import url
from tests.factories import (
    ImageFactory,
    account_with,
    creator_of,
    finish,
    press,
    renew,
)

pytestmark = pytest.mark.django_db
BOUGHT = datetime(2026, 1, 15, 14, tzinfo=UTC)
END = datetime(2026, 3, 15, 14, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def account() -> Account:
    return account_with(now=BOUGHT, quantity=600)


@pytest.fixture(autouse=True)
def clock() -> Iterator["time_machine.Traveller"]:
    with time_machine.travel(END - 20 * DAY, tick=False) as traveller:
        yield traveller


def scheduled(account: Account, start: time) -> None:
    scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=replace(Settings(), is_on=True, start=start),
        revision=0,
        by=None,
        now=BOUGHT,
    )
    scheduling.queue_due(now=END + DAY)


@pytest.mark.parametrize(
    ("start", "when"), [(time(2), "tonight at 02:00"), (time(20), "today, 20:00")]
)
def test_renewed_while_suspended_it_says_when_scheduled_scans_resume(
    account: Account, start: time, when: str
) -> None:
    scheduled(account, start)
    at = END + DAY

    words = renewed_words(renew(account, at), account, at)

    assert words == f"Renewed to 15 Apr, 14:00. Scheduled scans resume {when}."


def test_renewed_early_nothing_resumes(account: Account) -> None:
    scheduled(account, time(2))

    words = renewed_words(renew(account, END - DAY), account, END - DAY)

    assert words == "Renewed to 15 Apr, 14:00."


def test_keeping_less_than_was_used_last_month_says_so(
    signed_in: Client, account: Account
) -> None:
    for at in (BOUGHT, BOUGHT + DAY):
        images = ImageFactory.create_batch(200, account=account)
        press(account, images, at)
        finish(account, at)
    name = f"pack_{QuotaPack.objects.get().pk}"
    page = url("renew-quote", account)

    whole = signed_in.get(page, {name: "600"})
    fewer = signed_in.get(page, {name: "300"})
    none = signed_in.get(page, {name: "0"})

    assertNotContains(whole, "last month")
    assertContains(fewer, "300 is less than the 400 you used last month.")
    assertContains(none, "Nothing is kept, and you used 400 last month.")


def test_who_switched_auto_renewal_is_kept_and_shown(
    signed_in: Client, account: Account, clock: "time_machine.Traveller"
) -> None:
    creator = creator_of(account)

    for on in ({"on": "1"}, {"on": "1"}, {}):
        signed_in.post(url("auto-renew", account), on)

    turned = AutoRenewSwitch.objects.order_by("pk")
    assert list(turned.values_list("is_on", "by")) == [
        (True, creator.pk),
        (False, creator.pk),
    ]
    words = f"Switched off by {creator}, today, 14:00"
    assertContains(signed_in.get(url("subscription", account)), words)
    (edition, *_) = account_desk(account, END - 20 * DAY).facts
    assert edition.detail == f"1 core. Auto-renewal off. {words}"


@pytest.mark.parametrize("act", ["UPDATE {} SET is_on = true", "DELETE FROM {}"])
def test_what_was_switched_is_never_rewritten(
    signed_in: Client, account: Account, act: str
) -> None:
    signed_in.post(url("auto-renew", account), {"on": "1"})

    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(act.format("quota_autorenewswitch"))
