"""Each state of the quota's rail, as the overview and the list of images show it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from accounts.services.opening import open_account
from quota.models import QuotaWindow
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    finish,
    press,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
DAY = timedelta(days=1)


def used(slug: str, now: datetime, *, bought: int, scans: dict[int, int]) -> Account:
    """An account that bought 300 so many days ago, and scanned so many new images on
    each of these days ago."""
    account = account_with(now=now - bought * DAY, slug=slug)
    for ago, count in scans.items():
        press(
            account, ImageFactory.create_batch(count, account=account), now - ago * DAY
        )
        finish(account, now - ago * DAY)
    return account


def lasts(now: datetime) -> Account:
    """A little every few days."""
    return used("lasts", now, bought=12, scans={9: 10, 6: 10, 3: 10})


def ahead(now: datetime) -> Account:
    """More used than the month has gone by, but little of it lately."""
    return used("ahead", now, bought=10, scans={9: 150, 2: 20})


def short(now: datetime) -> Account:
    """The pace of the last days needs more than there is."""
    return used("short", now, bought=12, scans={9: 30, 6: 60, 4: 60, 2: 30})


def empty(now: datetime) -> Account:
    """All of it is used."""
    account = used("empty", now, bought=12, scans={5: 5})
    QuotaWindow.objects.filter(account=account, number=0).update(granted_tenths=50)
    return account


def early(now: datetime) -> Account:
    """Bought yesterday."""
    return used("early", now, bought=1, scans={1: 5})


def holding(now: datetime) -> Account:
    """A task holds quota just now."""
    account = used("holding", now, bought=12, scans={6: 20, 3: 20})
    press(account, ImageFactory.create_batch(25, account=account), now)
    return account


def without(now: datetime) -> Account:
    """Professional Edition, but no quota with it."""
    return account_with(now=now - DAY, slug="without", quantity=0)


def unsold(now: datetime) -> Account:
    """Nothing was ever bought."""
    return open_account(
        slug="unsold", name="Unsold", zone="UTC", currency="USD",
        creator=UserFactory.create(), now=now,
    )  # fmt: skip


def suspended(now: datetime) -> Account:
    """Professional Edition has ended and was not renewed."""
    return account_with(now=now - 63 * DAY, slug="suspended")


# What its pages say, and the class of the line after today; "" where no rail is.
STATES: tuple[tuple[Callable[[datetime], Account], str, str], ...] = (
    (lasts, "Lasts to the reset, about 218 to spare", "g-fine"),
    (ahead, "Lasts to the reset, about 72 to spare", "g-fine"),
    (short, "Runs out about Sun 29 Nov", "g-dash"),
    (empty, "Used up. Nothing can be scanned", "g-gap"),
    (early, "Forecast starts after 2 days of scanning", "g-line"),
    (holding, "25 held", "g-fine"),
    (without, "no purchase of quota is open", ""),
    (unsold, "First steps", ""),
    (suspended, "Suspended", ""),
)


@pytest.mark.parametrize(
    ("build", "words", "look"), STATES, ids=[build.__name__ for build, _, _ in STATES]
)
def test_each_state_is_said_and_drawn(
    client: Client,
    now: datetime,
    build: Callable[[datetime], Account],
    words: str,
    look: str,
) -> None:
    account = build(now)
    client.force_login(creator_of(account))

    front = client.get(f"/a/{account.slug}/")
    images = client.get(f"/a/{account.slug}/images/local")

    assertContains(front, words)
    if look:
        assertContains(front, f'<line class="{look}"')
        assertContains(images, f'<line class="{look}"')
    else:
        assertNotContains(front, 'class="g-now"')
    if build is suspended:
        assertNotContains(front, "First steps")


def test_unused_quota_is_offered_in_the_last_seven_days(
    client: Client, now: datetime
) -> None:
    account = used("lasts", now, bought=25, scans={20: 30, 3: 7})
    ImageFactory.create_batch(12, account=account)
    client.force_login(creator_of(account))

    page = client.get("/a/lasts/")

    # 263 left, one a day for five days.
    assertContains(page, "would be unused at the reset")
    assertContains(page, "12 local images never scanned (12) and 37 local images with")
    assertContains(page, "the oldest results again (3.7)")
    url = "/a/lasts/images/local/scan?scope=matching&amp;cost=first"
    assertContains(page, f'href="{url}"')
    dialog = client.get(url.replace("&amp;", "&"))
    assertContains(dialog, '<span class="cost">12 quota</span>')


def test_nothing_is_offered_before_the_last_seven_days_nor_when_short(
    client: Client, now: datetime
) -> None:
    for build in (lasts, short):
        account = build(now)
        ImageFactory.create(account=account)
        client.force_login(creator_of(account))

        assertNotContains(client.get(f"/a/{account.slug}/"), "would be unused")
