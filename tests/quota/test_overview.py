"""*Overview*: what each member sees of where the account stands."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import Account, Notice
from accounts.services.opening import open_account
from quota.models import Kind, Scope, Subscription
from quota.models.schedules import Settings
from quota.pages.charts import Ahead, Day, chart
from quota.pages.foresight import purchase_words, strip
from quota.pages.header import standing
from quota.pages.words import Clock
from quota.services import scheduling
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
DAY = timedelta(days=1)
URL = "/a/halden-pay/"


@pytest.fixture
def account(now: datetime) -> Account:
    """100 of 300 used in the first three days: 700 short by the reset."""
    account = account_with(now=now - 3 * DAY)
    scan_new(account, 100, now - DAY)
    return account


def scan_new(account: Account, count: int, at: datetime) -> None:
    press(account, ImageFactory.create_batch(count, account=account), at)
    finish(account, at)


def nightly(account: Account, now: datetime, images: int) -> None:
    """A daily schedule over so many images that ran once."""
    ImageFactory.create_batch(images, account=account)
    scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=Settings(is_on=True, scope=Scope.ALL),
        revision=0,
        by=creator_of(account),
        now=now - DAY,
    )
    scheduling.queue_due(now=now)
    finish(account, now)


def test_it_is_the_first_page_after_signing_in(
    client: Client, account: Account
) -> None:
    client.force_login(creator_of(account))

    assertRedirects(client.get("/"), URL)
    assertContains(client.get(URL), "<h1>Overview</h1>")
    assertContains(client.get(URL), f'<a href="{URL}" aria-current="page">')


def test_a_stranger_finds_nothing(client: Client, account: Account) -> None:
    client.force_login(UserFactory.create())

    assert client.get(URL).status_code == 404
    assert client.post(URL).status_code == 405


def test_the_creator_is_advised_to_buy_at_a_price(
    client: Client, account: Account
) -> None:
    client.force_login(creator_of(account))

    page = client.get(URL)

    assertContains(page, "Runs out about Mon 30 Nov")
    assertContains(page, "About 700 short this month.")
    assertContains(page, "900 more covers it; 1,200 would leave 500 unused.")
    # Two windows of 900 at $0.06.
    assertContains(page, "Buy 900 for $108.00")
    assertContains(page, "Next renewal")


def test_a_viewer_sees_no_price_and_who_can_buy(
    client: Client, account: Account
) -> None:
    client.force_login(member_of(account))

    page = client.get(URL)

    assertContains(page, "About 700 short this month.")
    assertContains(page, escape(f"Buying is done by {creator_of(account)}."))
    assertNotContains(page, "$")
    assertNotContains(page, "Scan now")
    assertNotContains(page, "Turn on auto-renew")


def test_who_scans_may_slow_the_schedule_instead(client: Client, now: datetime) -> None:
    account = account_with(now=now - 3 * DAY)
    nightly(account, now, 100)
    client.force_login(member_of(account, resource=True))

    page = client.get(URL)

    # 100 used; 27 nights of 10 ask for 270 of the 200 left, 4 weeks for 40.
    assertContains(page, "About 70 short this month.")
    assertContains(page, "Or scan weekly instead of daily and 200 lasts to the reset.")
    assertContains(page, "Change schedule")
    assertContains(page, "100 local images last time, as repeats")
    assertNotContains(page, "$")


def test_nothing_is_advised_while_quota_lasts(client: Client, now: datetime) -> None:
    account = account_with(now=now - 3 * DAY)
    scan_new(account, 3, now - DAY)
    client.force_login(creator_of(account))

    page = client.get(URL)

    assertContains(page, "Lasts to the reset")
    assertContains(page, "About 270 to spare at 1 a day")
    assertNotContains(page, 'class="advice"')


def test_a_new_account_is_led_through_its_first_steps(
    client: Client, now: datetime
) -> None:
    creator = UserFactory.create()
    account = open_account(
        slug="halden-pay", name="Halden Pay", zone="UTC", currency="USD",
        creator=creator, now=now,
    )  # fmt: skip
    client.force_login(creator)
    assertContains(client.get(URL), "First steps")
    assertContains(client.get(URL), "$18.00 a month for each 300")

    client.force_login(member_of(account))
    assertNotContains(client.get(URL), "$")
    assertContains(client.get(URL), escape(f"Buying is done by {creator}."))


def test_the_steps_stay_until_the_first_scan(client: Client, now: datetime) -> None:
    account = account_with(now=now - DAY)
    client.force_login(creator_of(account))

    assertContains(client.get(URL), "Quota is there.")
    assertNotContains(client.get(URL), "Purchase image scan")
    ImageFactory.create(account=account, in_registry=True, is_local=False)
    page = client.get(URL)
    assertContains(page, "Images seen so far: 1.")
    assertContains(page, 'images/repository">Repository images</a>')

    scan_new(account, 1, now)
    assertNotContains(client.get(URL), "First steps")


def test_after_the_end_the_page_says_so(
    client: Client, account: Account, clock: "time_machine.Traveller"
) -> None:
    subscription = Subscription.objects.get(account=account)

    clock.move_to(subscription.ends_at + DAY)
    client.force_login(creator_of(account))
    assertContains(client.get(URL), "Suspended")
    assertContains(client.get(URL), "Last moment to renew")
    assertNotContains(client.get(URL), 'class="advice"')

    clock.move_to(subscription.ends_at + 7 * DAY)
    client.force_login(creator_of(account))
    assertContains(client.get(URL), "Image scan was terminated on 27 Jan")


def test_recent_scans_refresh_by_themselves_while_one_runs(
    client: Client, account: Account, now: datetime
) -> None:
    client.force_login(creator_of(account))
    assertNotContains(client.get(URL), "every 30s")
    press(account, ImageFactory.create_batch(1, account=account), now)

    assertContains(client.get(URL), 'hx-trigger="every 30s, quota-moved from:body"')
    part = client.get(URL, headers={"HX-Request": "true"})

    assertNotContains(part, "<html")
    assertContains(part, 'id="recent"')
    assertContains(part, 'hx-swap-oob="true"')
    assertContains(part, "1 held")


def test_the_latest_notices_are_ones_own(client: Client, account: Account) -> None:
    paid = Notice.objects.get(account=account, kind="order_paid", channel="email")
    assert paid.user == creator_of(account)
    client.force_login(creator_of(account))
    assertNotContains(client.get(URL), "Nothing new.")
    assertContains(client.get(URL), " is paid: ")

    client.force_login(member_of(account))
    assertContains(client.get(URL), "Nothing new.")
    assertNotContains(client.get(URL), " is paid: ")


@pytest.mark.parametrize("who", ["creator", "viewer"])
def test_it_asks_few_queries_however_much_there_is(
    client: Client,
    account: Account,
    now: datetime,
    who: str,
    django_assert_max_num_queries: Any,
) -> None:
    for _ in range(8):
        scan_new(account, 2, now)
    user = creator_of(account) if who == "creator" else member_of(account)
    client.force_login(user)
    client.get(URL)

    with django_assert_max_num_queries(26 if who == "creator" else 16):
        client.get(URL)


def test_the_chart_shows_the_days_to_come_and_those_without_quota() -> None:
    days = [
        Day(f"2026-11-{n:02}", f"{n} Nov", f"{n} Nov", n, 1, 0, 10, 0, is_past=n <= 10)
        for n in range(1, 21)
    ]

    made = chart(days, Ahead(310, "2026-11-16", 12))

    assert len(made.guesses) == 5
    assert made.expected
    assert made.expected.words == "31 a day expected"
    assert made.without
    assert (made.without.x, made.without.width) == ("77.50%", "22.50%")
    assert chart(days).guesses == []
    assert chart(days, Ahead(0, "", 0)).guesses == []


def test_the_purchase_says_what_it_does_for_this_month(
    account: Account, now: datetime
) -> None:
    stands, clock = standing(account, now), Clock(account, now)

    assert purchase_words(account, stands, 900, clock) == (
        "900 is enough.",
        "This month is heading for about 1,000, which leaves about 200 spare. 1,200"
        " would leave 500 unused.",
        "okc", "circle-check",
    )  # fmt: skip
    assert purchase_words(account, stands, 1_200, clock) == (
        "900 is enough.", "1,200 would leave 500 unused this month.",
        "okc", "circle-check",
    )  # fmt: skip
    # 500 left last 15 days at 33.3 a day.
    assert purchase_words(account, stands, 300, clock) == (
        "300 is not enough.",
        "You would still run out about 9 Dec. 900 covers it.",
        "warnc", "triangle-alert",
    )  # fmt: skip


def test_the_advice_covers_the_term_where_later_months_want_more(
    client: Client, now: datetime
) -> None:
    # 150 in the last seven days: 386 more by the reset, 664 in the month after it.
    account = account_with(now=now - 12 * DAY)
    for ago, count in ((9, 30), (6, 60), (4, 60), (2, 30)):
        scan_new(account, count, now - ago * DAY)
    stands, clock = standing(account, now), Clock(account, now)

    found = strip(account, stands, clock)

    assert found
    assert found.quantity == 600
    assert found.words == (
        "300 more covers it, 600 every month to 12 Jan 2027; 900 would leave 634"
        " unused."
    )
    assert purchase_words(account, stands, 300, clock) == (
        "300 is enough for this month.", "600 covers every month to 12 Jan 2027.",
        "okc", "circle-check",
    )  # fmt: skip
    client.force_login(creator_of(account))
    dialog = client.get("/a/halden-pay/subscription/purchase?quantity=600")
    assertContains(dialog, "This month is heading for 566. You have 300, and 900 after")
    assertContains(dialog, ">900 with this purchase<")
    part = client.get(
        "/a/halden-pay/subscription/purchase/quote?quantity=900",
        headers={"HX-Request": "true"},
    )
    assertContains(part, 'id="usage-bars"')
    assertContains(part, ">1,200 with this purchase<")


def test_the_months_before_are_drawn_beside_this_one(
    client: Client, now: datetime
) -> None:
    account = account_with(now=now - 75 * DAY, months=4)
    for ago, count in ((70, 12), (40, 25), (5, 4)):
        scan_new(account, count, now - ago * DAY)
    client.force_login(creator_of(account))

    dialog = client.get("/a/halden-pay/subscription/purchase")

    assertContains(dialog, "Quota used in the months before: 12, 25.")
    assertContains(dialog, 'class="g-bar"', count=2)


def test_a_purchase_that_is_not_needed_says_so(now: datetime) -> None:
    account = account_with(now=now - 3 * DAY)
    clock = Clock(account, now)

    assert strip(account, standing(account, now), clock) is None
    assert purchase_words(account, standing(account, now), 300, clock) == (
        "You do not need more this month.", "At this pace 300 is left over.",
        "okc", "circle-check",
    )  # fmt: skip
    early = standing(account, now - 2 * DAY)
    assert purchase_words(account, early, 300, clock) == (
        "No history yet.", "300 covers about 300 first scans or 3,000 repeats.",
        "muted", "info",
    )  # fmt: skip


def test_the_dialog_shows_that_sentence(client: Client, account: Account) -> None:
    client.force_login(creator_of(account))

    dialog = client.get("/a/halden-pay/subscription/purchase?quantity=900")

    assertContains(dialog, "<b>900 is enough.</b> This month is heading for about")
