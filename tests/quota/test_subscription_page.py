"""The subscription page through HTTP: every state, the renew form, the switch."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import Order, QuotaPack, Subscription, Term
from quota.quotes import Basket
from quota.rules.lifecycle import DELETION, GRACE
from quota.services import auto_renewal, reminding
from tests.addresses import url
from tests.factories import (
    UserFactory,
    account_with,
    buy,
    creator_of,
    member_of,
    renew,
)

pytestmark = pytest.mark.django_db
BOUGHT = datetime(2026, 1, 15, 14, tzinfo=UTC)
END = datetime(2026, 3, 15, 14, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def account() -> Account:
    return account_with(now=BOUGHT)


@pytest.fixture(autouse=True)
def clock() -> Iterator["time_machine.Traveller"]:
    with time_machine.travel(END - 20 * DAY, tick=False) as traveller:
        yield traveller


def hidden(response: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found, name
    return found[1]


def press(client: Client, account: Account, **data: str) -> Any:
    shown = client.get(url("subscription", account), data)
    names = ("key", "state", "total")
    return client.post(
        url("renew", account), {**data, **{n: hidden(shown, n) for n in names}}
    )


@pytest.mark.parametrize(
    ("at", "words", "offers"),
    [
        (END - 10 * DAY, "Active until Sun 15 Mar, 14:00", True),
        (END - 5 * DAY, "Renew by Sun 15 Mar, 14:00 to keep scanning", True),
        (END, "Renew by Fri 20 Mar, 14:00 to keep your scan data", True),
        (END + GRACE, "Renew by today, 14:00 to keep your scan data", True),
        (END + GRACE + MOMENT, "Renewal has closed. Data is deleted tomorrow", False),
        (END + DELETION, "Image scan was terminated on 21 Mar", False),
    ],
)
def test_each_state_says_what_it_is_and_offers_what_it_can(
    signed_in: Client,
    account: Account,
    clock: time_machine.Traveller,
    at: datetime,
    words: str,
    *,
    offers: bool,
) -> None:
    clock.move_to(at)
    signed_in.force_login(creator_of(account))

    response = signed_in.get(url("subscription", account))

    assertContains(response, words)
    assert ("Renew for" in response.content.decode()) is offers


def test_one_that_never_bought_is_offered_to(client: Client, now: datetime) -> None:
    account = account_with(now=BOUGHT)
    Subscription.objects.update(ends_at=BOUGHT + DAY, refunded_at=END)
    client.force_login(creator_of(account))

    response = client.get(url("subscription", account))

    assertContains(response, "Purchase image scan")


def test_a_member_without_money_sees_the_end_and_who_helps_but_no_price(
    client: Client, account: Account, clock: time_machine.Traveller
) -> None:
    clock.move_to(END + DAY)
    client.force_login(member_of(account))

    response = client.get(url("subscription", account))

    assertContains(response, "Renew by Fri 20 Mar, 14:00")
    assertContains(response, f"done by {creator_of(account)}")
    assertContains(response, "300 scans a month")
    assertNotContains(response, "$")


@pytest.mark.parametrize("name", ["renew", "renew-quote"])
def test_a_member_without_money_cannot_see_a_price(
    client: Client, account: Account, name: str
) -> None:
    client.force_login(member_of(account, resource=True))

    assert client.get(url(name, account)).status_code == 403


@pytest.mark.parametrize("name", ["renew", "auto-renew"])
def test_a_member_without_money_cannot_renew(
    client: Client, account: Account, name: str
) -> None:
    client.force_login(member_of(account, resource=True))

    assert client.post(url(name, account)).status_code == 403
    assert Term.objects.count() == 1


@pytest.mark.parametrize("name", ["subscription", "renew", "renew-quote"])
def test_a_stranger_sees_404(client: Client, account: Account, name: str) -> None:
    client.force_login(UserFactory.create())

    assert client.get(url(name, account)).status_code == 404


def test_wrong_methods_are_refused(signed_in: Client, account: Account) -> None:
    assert signed_in.post(url("subscription", account)).status_code == 405
    assert signed_in.post(url("renew-quote", account)).status_code == 405
    assert signed_in.get(url("auto-renew", account)).status_code == 405


def test_a_press_renews_and_shows_the_receipt(
    signed_in: Client, account: Account
) -> None:
    response = press(signed_in, account, months="3")

    order = Order.objects.get(kind="renewal")
    assert order.total == 3 * (Decimal("6.75") + 18)
    assert (order.by, response.status_code) == (creator_of(account), 302)
    receipt = signed_in.get(response.headers["Location"])
    assertContains(receipt, "Renewed to 15 Jun, 14:00.")
    assertContains(receipt, order.label)


def test_a_second_press_of_the_same_form_shows_the_same_receipt(
    signed_in: Client, account: Account
) -> None:
    shown = signed_in.get(url("subscription", account))
    data = {n: hidden(shown, n) for n in ("key", "state", "total")}

    first = signed_in.post(url("renew", account), data)
    second = signed_in.post(url("renew", account), data)

    assert first.headers["Location"] == second.headers["Location"]
    assert Term.objects.count() == 2


def test_two_tabs_cannot_renew_twice_unseen(
    signed_in: Client, account: Account
) -> None:
    shown = signed_in.get(url("subscription", account))
    data = {n: hidden(shown, n) for n in ("key", "state", "total")}
    renew(account, END - 20 * DAY, months=1)

    response = signed_in.post(url("renew", account), data)

    assertContains(response, "was renewed", status_code=409)
    assertContains(response, url("orders", account), status_code=409)
    assertContains(response, "Renew for", status_code=409)
    assert Term.objects.count() == 2


def test_packs_can_be_shrunk_and_dropped(signed_in: Client, account: Account) -> None:
    buy(account, Basket(quantity=900), END - 21 * DAY)
    small, big = QuotaPack.objects.order_by("quantity")

    press(
        signed_in,
        account,
        months="1",
        **{f"pack_{small.pk}": "0", f"pack_{big.pk}": "600"},
    )

    small.refresh_from_db()
    big.refresh_from_db()
    assert small.dropped_at
    assert big.quantity == 600
    assert Order.objects.get(kind="renewal").total == Decimal("6.75") + 36


def test_the_quote_shows_growth_and_every_month(
    signed_in: Client, account: Account
) -> None:
    buy(account, Basket(quantity=600), END - 21 * DAY)

    response = signed_in.get(
        url("renew-quote", account), headers={"HX-Request": "true"}
    )

    assertNotContains(response, "<html")
    assertContains(response, "runs on from 15 Mar with what is left in it")
    assertContains(response, "22 Mar to 15 Apr")
    assertContains(response, "600 × $0.06 × 1 month")
    assertContains(response, 'id="amount-12" hx-swap-oob="true"')


def test_without_javascript_a_stepper_steps(
    signed_in: Client, account: Account
) -> None:
    pack = QuotaPack.objects.get()

    response = signed_in.get(
        url("renew", account), {"months": "1", "step": f"{pack.pk}:-300"}
    )

    assertContains(response, "Dropped")
    assertContains(response, "Renew for $6.75")


def test_another_number_of_months(signed_in: Client, account: Account) -> None:
    response = press(signed_in, account, months="other", other="5")

    assert response.status_code == 302
    assert Term.objects.get(number=2).months == 5


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"months": "0"}, "Choose 1 to 36 months"),
        ({"months": "37"}, "Choose 1 to 36 months"),
        ({"months": "x"}, "Choose 1 to 36 months"),
        ({"months": "other", "other": ""}, "Choose 1 to 36 months"),
        ({"pack": "299"}, "Nearest: 0 or 300"),
        ({"pack": "600"}, "at most 300"),
        ({"pack": "-300"}, "Enter a multiple of 300"),
        ({"pack": "1e9"}, "Enter a whole number"),
        ({"pack": ""}, "Enter a whole number"),
    ],
)
def test_bad_input_gets_a_sentence_and_changes_nothing(
    signed_in: Client, account: Account, data: dict[str, str], words: str
) -> None:
    pack = QuotaPack.objects.get()
    shown = signed_in.get(url("subscription", account))
    sent = {n: hidden(shown, n) for n in ("key", "state", "total")} | {
        (f"pack_{pack.pk}" if name == "pack" else name): value
        for name, value in data.items()
    }

    response = signed_in.post(url("renew", account), sent)

    assertContains(response, words, status_code=422)
    assert Term.objects.count() == 1


def test_a_short_balance_names_what_is_missing(
    signed_in: Client, account: Account
) -> None:
    Account.objects.update(balance=Decimal("20.00"))

    response = signed_in.get(url("subscription", account))

    assertContains(response, "The balance is $4.75 short.")
    assertNotContains(response, "Renew for")


def test_the_switch_posts_and_offers_to_undo(
    signed_in: Client, account: Account
) -> None:
    on = signed_in.post(
        url("auto-renew", account), {"on": "1"}, headers={"HX-Request": "true"}
    )
    assert Subscription.objects.get().auto_renew
    assertContains(on, "Auto-renew is on. $24.75 is taken on 15 Mar if your balance")
    assertContains(on, "Undo")
    assertNotContains(on, "<html")

    off = signed_in.post(url("auto-renew", account))

    assert not Subscription.objects.get().auto_renew
    assert off.headers["Location"] == url("subscription", account)
    assertContains(signed_in.get(off.headers["Location"]), "Auto-renew is off.")


def test_the_switch_while_suspended_renews_at_once(
    signed_in: Client, account: Account, clock: time_machine.Traveller
) -> None:
    clock.move_to(END + DAY)
    signed_in.force_login(creator_of(account))

    response = signed_in.post(
        url("auto-renew", account), {"on": "1"}, headers={"HX-Request": "true"}
    )

    assert response.headers["HX-Redirect"] == url("subscription", account)
    assert Term.objects.count() == 2


def test_the_switch_is_refused_when_renewal_has_closed(
    signed_in: Client, account: Account, clock: time_machine.Traveller
) -> None:
    clock.move_to(END + GRACE + DAY / 2)
    signed_in.force_login(creator_of(account))

    response = signed_in.post(url("auto-renew", account), {"on": "1"})

    assertContains(response, "Renewal has closed", status_code=422)


def test_auto_renewal_says_whether_it_will_succeed(
    signed_in: Client, account: Account, clock: time_machine.Traveller
) -> None:
    auto_renewal.switch(account=account, on=True, by=None, now=END - 6 * DAY)
    clock.move_to(END - 5 * DAY)
    signed_in.force_login(creator_of(account))

    assertContains(
        signed_in.get(url("subscription", account)),
        "Renews on Sun 15 Mar, 00:00 for $24.75",
    )
    Account.objects.update(balance=Decimal("20.00"))
    assertContains(
        signed_in.get(url("subscription", account)),
        "Auto-renew will fail: the balance is $20.00, it needs $24.75",
    )


def test_reminders_that_were_sent_are_listed(
    signed_in: Client, account: Account, clock: time_machine.Traveller
) -> None:
    reminding.remind(now=END - 3 * DAY - timedelta(hours=5))
    clock.move_to(END - 3 * DAY)
    signed_in.force_login(creator_of(account))

    response = signed_in.get(url("subscription", account))

    assertContains(response, "Email and SMS to 1 person, today, 09:00")


def test_pages_of_images_say_why_and_offer_renewal(
    signed_in: Client, account: Account, clock: time_machine.Traveller
) -> None:
    clock.move_to(END + DAY)
    signed_in.force_login(creator_of(account))

    for name in ("images", "scan-now"):
        page = signed_in.get(reverse(f"quota:{name}", args=[account.slug, "local"]))
        assertContains(page, "Renew by Fri 20 Mar, 14:00 to keep scan results.")
        assertContains(page, url("subscription", account))


def test_the_queries_do_not_grow_with_packs_or_months(
    signed_in: Client, account: Account
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            signed_in.get(url("subscription", account), {"months": "36"})
        return len(captured)

    queries()
    before = queries()
    for hours in range(1, 6):
        buy(account, Basket(quantity=300), END - 21 * DAY + timedelta(hours=hours))

    assert queries() == before
