"""*Purchase additional quota* through HTTP: paid and granted once, as it was shown."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.asserts import assertContains

from accounts.models import Account
from quota.models import Order, QuotaWindow
from tests.addresses import url
from tests.factories import account_with, creator_of
from tests.quota.dialogs import hidden

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def test_buying_quota_pays_and_grants_once(signed_in: Client, account: Account) -> None:
    dialog = signed_in.get(url("purchase", account))
    names = ("key", "state", "total")
    data = {"quantity": "300", **{name: hidden(dialog, name) for name in names}}

    first = signed_in.post(url("purchase", account), data)
    second = signed_in.post(url("purchase", account), data)

    assert first.headers["Location"] == second.headers["Location"]
    assert Order.objects.count() == 2
    account.refresh_from_db()
    assert account.balance == 1000 - 36
    assertContains(signed_in.get(first.headers["Location"]), "$36.00")


def test_the_page_under_the_dialog_shows_what_was_bought(
    signed_in: Client, account: Account
) -> None:
    dialog = signed_in.get(url("purchase", account))
    names = ("key", "state", "total")
    data = {"quantity": "300", **{name: hidden(dialog, name) for name in names}}

    paid = signed_in.post(
        url("purchase", account), data, headers={"HX-Request": "true"}
    )

    assertContains(paid, "300 scans added")
    assertContains(paid, 'class="g-add"')
    assertContains(paid, 'id="quota"')
    assert "quota-moved" in paid.headers["HX-Trigger"]


def test_two_tabs_cannot_buy_twice_unseen(signed_in: Client, account: Account) -> None:
    def data(dialog: Any) -> dict[str, str]:
        names = ("key", "state", "total")
        return {"quantity": "300", **{name: hidden(dialog, name) for name in names}}

    tabs = [data(signed_in.get(url("purchase", account))) for _ in range(2)]

    answers = [signed_in.post(url("purchase", account), tab) for tab in tabs]

    assert [answer.status_code for answer in answers] == [302, 409]
    assert Order.objects.count() == 2


@pytest.mark.parametrize(
    "quantity", ["0", "-300", "299", "301", "1e9", "many", "", "999999999999"]
)
def test_a_quantity_that_is_not_sold_is_a_sentence(
    signed_in: Client, account: Account, quantity: str
) -> None:
    data = {"quantity": quantity, "key": uuid4(), "state": "1.1", "total": "18.00"}

    response = signed_in.post(url("purchase", account), data)

    assertContains(response, "Enter ", status_code=422)
    assert Order.objects.count() == 1


def test_an_account_without_edition_can_buy_both_in_one_order(
    client: Client, now: datetime
) -> None:
    account = account_with(months=1, now=now - timedelta(days=60), slug="lapsed")
    client.force_login(creator_of(account))
    assertContains(client.get(url("images", account)), "Purchase image scan")
    query = {"quantity": "300", "cores": "2", "months": "3"}
    dialog = client.get(url("purchase", account), query)
    names = ("key", "state", "total")

    response = client.post(
        url("purchase", account),
        {**query, **{name: hidden(dialog, name) for name in names}},
    )

    assert response.status_code == 302
    assert QuotaWindow.objects.filter(starts_at=now).count() == 1


@pytest.mark.parametrize(
    ("days", "said"), [(32, "Renew it before"), (36.5, "can no longer be renewed")]
)
def test_after_the_end_the_page_says_what_can_still_be_done(
    client: Client, now: datetime, days: float, said: str
) -> None:
    account = account_with(months=1, now=now - timedelta(days=days), slug="late")
    client.force_login(creator_of(account))

    assertContains(client.get(url("purchase", account)), said, status_code=422)


def test_a_balance_too_small_is_refused_with_the_shortfall(
    signed_in: Client, account: Account
) -> None:
    dialog = signed_in.get(url("purchase", account), {"quantity": "9000"})

    assertContains(dialog, "Top up $80.00")


def test_a_last_month_of_under_a_day_asks_for_an_extra_tick(
    client: Client, now: datetime
) -> None:
    account = account_with(months=1, now=now - timedelta(days=30, hours=2), slug="late")
    client.force_login(creator_of(account))
    short = client.get(url("purchase", account))
    names = ("key", "state", "total")
    refused = {"quantity": "300", **{name: hidden(short, name) for name in names}}

    first = client.post(url("purchase", account), refused)
    second = client.post(url("purchase", account), {**refused, "short": "1"})

    assertContains(short, "is charged whole")
    assertContains(first, "Tick the box", status_code=422)
    assert second.status_code == 302


def test_looking_at_a_price_leaves_no_token_in_the_address(
    signed_in: Client, account: Account
) -> None:
    page = url("purchase", account)
    given = {"csrfmiddlewaretoken": "t0ken", "quantity": "300", "delta": "300"}

    looked = signed_in.get(page, given)

    assert looked.headers["Location"] == "?quantity=300&delta=300"
    shown = signed_in.get(page, given, follow=True)
    assert shown.request["QUERY_STRING"] == "quantity=300&delta=300"
    assertContains(shown, 'value="600"')
