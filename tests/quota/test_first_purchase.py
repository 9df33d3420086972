"""The first purchase: with or without image scan, and how many scans are needed."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, BalanceEntry, Notice
from accounts.services import opening
from quota.errors import InvalidQuantity, NotActive, QuoteMoved
from quota.models import Order, OrderLine, QuotaPack, Subscription
from quota.quotes import Basket
from quota.services import purchasing
from tests.factories import UserFactory, account_with, buy, creator_of, top_up
from tests.quota.test_subscription_page import hidden

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    account = opening.open_account(
        slug="fernhill",
        name="Fernhill",
        zone="UTC",
        currency="USD",
        creator=UserFactory.create(),
        now=now,
    )
    top_up(account, 5000, now)
    return account


def page(account: Account) -> str:
    return reverse("quota:purchase", args=[account.slug])


def buy_with(client: Client, account: Account, **data: str) -> int:
    shown = client.get(page(account), data)
    sent = {**data, **{n: hidden(shown, n) for n in ("key", "state", "total")}}
    return client.post(page(account), sent).status_code


@pytest.fixture(autouse=True)
def _clock(now: datetime):  # type: ignore[no-untyped-def]
    with time_machine.travel(now, tick=False):
        yield


def test_professional_edition_alone(signed_in: Client, account: Account) -> None:
    assert buy_with(signed_in, account, cores="2", months="24", quantity="0") == 302

    assert Subscription.objects.get().cores == 2
    assert Order.objects.get().by == creator_of(account)
    assert BalanceEntry.objects.get(kind="purchase").by == creator_of(account)
    assert not QuotaPack.objects.exists()
    assert OrderLine.objects.get().kind == "edition"


def test_both_in_one_order_the_edition_first(
    signed_in: Client, account: Account
) -> None:
    assert buy_with(signed_in, account, cores="2", months="3", quantity="600") == 302

    lines = OrderLine.objects.order_by("position")
    assert list(lines.values_list("position", "kind", "periods")) == [
        (1, "edition", 3),
        (2, "pack", 3),
    ]
    assert QuotaPack.objects.get().anchor == Subscription.objects.get().anchor
    told = Notice.objects.get(kind="order_paid")
    assert (told.context["amount"], told.subject) == ("$148.50", "order:1")
    assert str(told.context["what"]).count("×") == 4


def test_quota_is_sold_with_an_edition_and_an_edition_once(
    account: Account, now: datetime
) -> None:
    with pytest.raises(NotActive, match="Buy that first"):
        buy(account, Basket(quantity=300), now)
    with pytest.raises(InvalidQuantity, match="how many scans"):
        buy(account, Basket(), now)
    buy(account, Basket(cores=1, months=1), now)

    with pytest.raises(NotActive, match="already bought"):
        buy(account, Basket(cores=1, months=1), now)
    assert Order.objects.count() == 1

    assert buy(account, Basket(quantity=300), now).lines.get().position == 1


def test_a_last_month_under_a_day_is_accepted_by_name(now: datetime) -> None:
    account = account_with(now=now, months=1)
    late = Subscription.objects.get().ends_at - timedelta(hours=23)
    seen = purchasing.quote(account=account, basket=Basket(quantity=300), now=late)

    def pressed(*, accepts: bool) -> Order:
        return purchasing.buy(
            account=account,
            basket=seen.basket,
            state=seen.state,
            total=seen.total,
            key=uuid4(),
            by=None,
            now=late,
            accepts_short=accepts,
        )

    with pytest.raises(InvalidQuantity, match="shorter than a day"):
        pressed(accepts=False)
    assert pressed(accepts=True).total == seen.total


def test_a_price_that_fell_while_deciding_is_shown_first(now: datetime) -> None:
    account = account_with(now=now, months=2)
    seen = purchasing.quote(account=account, basket=Basket(quantity=300), now=now)

    with pytest.raises(QuoteMoved, match="price changed"):
        purchasing.buy(
            account=account,
            basket=seen.basket,
            state=seen.state,
            total=seen.total,
            key=uuid4(),
            by=None,
            now=now + timedelta(days=40),
        )

    assert Order.objects.get(account=account).number == 1


def test_the_estimator_names_the_smallest_that_covers_it(
    signed_in: Client, account: Account
) -> None:
    numbers = {"images": "500", "weekly": "14", "cycle": "7"}

    response = signed_in.get(
        reverse("quota:purchase-quote", args=[account.slug]),
        {**numbers, "quantity": "300", "cores": "1", "months": "1"},
        headers={"HX-Request": "true"},
    )

    assertContains(response, "The first month takes at most 786.8, later ones at most")
    assertContains(response, "900 scans a month cover that, with 113.2 to spare.")
    assertContains(response, 'name="quantity" value="900"')


@pytest.mark.parametrize("images", ["-1", "many", "1000001"])
def test_bad_numbers_get_a_sentence(
    signed_in: Client, account: Account, images: str
) -> None:
    response = signed_in.get(page(account), {"images": images, "quantity": "300"})

    assertContains(response, "Enter a whole number from 0 to 1,000,000.")


def test_additional_quota_has_no_estimator(client: Client, now: datetime) -> None:
    account = account_with(now=now)
    client.force_login(creator_of(account))

    assertNotContains(client.get(page(account)), "How many do I need?")


def test_a_purchase_opened_from_a_scan_leads_back_to_it(
    client: Client, now: datetime
) -> None:
    account = account_with(now=now)
    client.force_login(creator_of(account))
    dialog = client.get(
        page(account),
        {
            "agreed_set": "9.1",
            "kind": "repository",
            "scope": "all",
            "key": str(uuid4()),
        },
        headers={"HX-Request": "true"},
    )
    assert hidden(dialog, "back") == "repository?scope=all"

    names = ("key", "state", "total", "back")
    done = client.post(
        page(account),
        {"quantity": "300", **{name: hidden(dialog, name) for name in names}},
        headers={"HX-Request": "true"},
    )

    back = reverse("quota:scan-now", args=[account.slug, "repository"])
    assertContains(done, f"{back}?scope=all")
    assertContains(done, "Back to Scan now")


@pytest.mark.parametrize("back", ["//evil.example/?q=1", "local?next=//evil", "x"])
def test_it_leads_nowhere_else(client: Client, now: datetime, back: str) -> None:
    account = account_with(now=now)
    client.force_login(creator_of(account))
    dialog = client.get(page(account))

    done = client.post(
        page(account),
        {
            "quantity": "300",
            "back": back,
            **{name: hidden(dialog, name) for name in ("key", "state", "total")},
        },
        headers={"HX-Request": "true"},
    )

    assertNotContains(done, "evil")
