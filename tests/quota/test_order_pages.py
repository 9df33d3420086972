"""*Orders and invoices* through HTTP."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, BillingDetails
from quota.models import Order
from quota.quotes import Basket
from quota.services import invoicing
from tests.addresses import url
from tests.factories import (
    UserFactory,
    buy,
    creator_of,
    member_of,
    top_up,
)
from tests.quota.refunds import approve, ask, pack_line

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


PAGES: list[tuple[str, tuple[int, ...]]] = [
    ("orders", ()),
    ("order", (1,)),
    ("invoice", (1,)),
    ("invoice-file", (1,)),
    ("billing-details", ()),
]


@pytest.mark.parametrize(("name", "more"), PAGES)
def test_whoever_may_see_money_may_open_it_and_nobody_else(
    client: Client, account: Account, name: str, more: tuple[int, ...], now: datetime
) -> None:
    invoicing.issue(now=now)
    people = {
        creator_of(account): 200,
        member_of(account, financial=True): 200,
        member_of(account, resource=True): 403,
        member_of(account): 403,
        UserFactory.create(): 404,
    }

    for person, status in people.items():
        client.force_login(person)
        assert client.get(url(name, account, *more)).status_code == status


@pytest.mark.parametrize("name", ["order", "invoice", "invoice-file"])
@pytest.mark.parametrize("number", [7, 2**80])
def test_an_order_that_is_not_there_is_404(
    signed_in: Client, account: Account, name: str, number: int
) -> None:
    assert signed_in.get(url(name, account, number)).status_code == 404


def test_an_order_says_what_it_covers_who_paid_and_its_state(
    signed_in: Client, account: Account, now: datetime
) -> None:
    page = signed_in.get(url("orders", account))

    for words in (
        "261121-0001",
        "Professional Edition for 1 core, 300 scans a month",
        "21 Nov to 21 Jan 2027",
        "$49.50",
        "The system",
        "Request a refund",
    ):
        assertContains(page, words)
    assertContains(page, "</svg>Paid</span>")


def test_a_refunded_order_says_so_and_the_filters_find_it(
    signed_in: Client, account: Account, now: datetime
) -> None:
    first = pack_line(account)
    buy(account, Basket(quantity=300), now)
    approve(ask(account, now, first), now)
    page = url("orders", account)

    assertContains(signed_in.get(page), "</svg>Part refunded</span>")
    part = signed_in.get(page, {"state": "part"})
    paid = signed_in.get(page, {"state": "paid"})
    refunds = signed_in.get(page, {"kind": "refund"})
    nothing = signed_in.get(page, {"state": "refunded", "year": "2026"})

    assertContains(part, "261121-0001")
    assertNotContains(part, "261124-0002")
    assertContains(paid, "261124-0002")
    assertNotContains(paid, "261121-0001")
    assertContains(refunds, "Refund: 300 scans a month")
    assertContains(refunds, "Credit note")
    assertNotContains(refunds, "Request a refund")
    assertContains(nothing, "No order matches.")
    assertContains(signed_in.get(page, {"state": "odd", "year": "x"}), "261124-0002")


def test_a_refunds_receipt_is_money_that_came_in(
    signed_in: Client, account: Account, now: datetime
) -> None:
    approve(ask(account, now), now)
    refund = Order.objects.get(kind="refund")

    page = signed_in.get(url("order", account, refund.number))

    assertContains(page, "Added to balance")
    assertContains(page, "$36.00")


def test_pages_of_orders_follow_each_other_without_gap_or_repeat(
    signed_in: Client,
    account: Account,
    now: datetime,
    django_assert_max_num_queries: Any,
) -> None:
    top_up(account, 2_000, now)
    for _ in range(53):
        buy(account, Basket(quantity=300), now)
    seen: list[str] = []
    query = ""
    while True:
        with django_assert_max_num_queries(12):
            page = signed_in.get(f"{url('orders', account)}?{query}").content.decode()
        seen += re.findall(r'class="name mono"[^>]*>([^<]*)<', page)
        more = re.search(r'href="\?([^"]*after=[^"]*)"', page)
        if more is None:
            break
        query = more[1].replace("&amp;", "&")

    assert [int(label[-4:]) for label in seen] == list(range(54, 0, -1))


def test_a_place_that_was_not_given_out_is_a_sentence(
    signed_in: Client, account: Account
) -> None:
    page = signed_in.get(url("orders", account), {"after": "bogus"})

    assertContains(page, "not known", status_code=422)


def test_an_invoice_is_a_page_and_a_file_named_by_its_order(
    signed_in: Client, account: Account, now: datetime
) -> None:
    waiting = signed_in.get(url("invoice", account, 1))
    early = signed_in.get(url("invoice-file", account, 1))
    invoicing.issue(now=now)
    page = signed_in.get(url("invoice", account, 1))
    file = signed_in.get(url("invoice-file", account, 1))

    assertContains(waiting, "It is being numbered.")
    assert early.headers["Location"] == url("invoice", account, 1)
    assertContains(page, "IS-2026-000001")
    assertContains(page, "Total, USD")
    assert file.headers["Content-Type"] == "application/pdf"
    assert 'filename="invoice-261121-0001.pdf"' in file.headers["Content-Disposition"]
    assert file.content.startswith(b"%PDF-")


def test_billing_details_are_typed_once_and_printed_from_then_on(
    signed_in: Client, account: Account, now: datetime
) -> None:
    page = url("billing-details", account)
    assertContains(signed_in.get(page), 'value="Halden Pay"')
    typed = {
        "name": "Halden <AG>",
        "address": " Weg 1 \r\n\r\nZürich",
        "tax_id": "CHE-9",
    }

    saved = signed_in.post(page, typed)

    assert saved.headers["Location"] == url("orders", account)
    assert BillingDetails.objects.get().address == "Weg 1\nZürich"
    assertContains(signed_in.get(page), "Halden &lt;AG&gt;")
    invoicing.issue(now=now)
    assertContains(signed_in.get(url("invoice", account, 1)), "Halden &lt;AG&gt;")


@pytest.mark.parametrize(
    "bad",
    [{"name": ""}, {"name": "x" * 151}, {"address": "a\n" * 7}, {"tax_id": "x" * 41}],
)
def test_billing_details_that_do_not_fit_are_said_beside_the_field(
    signed_in: Client, account: Account, bad: dict[str, str]
) -> None:
    fields = {"name": "Halden", "address": "", "tax_id": "", **bad}

    response = signed_in.post(url("billing-details", account), fields)

    assertContains(response, 'class="err"', status_code=422)
    assert not BillingDetails.objects.exists()
