"""*Balance* and *Top up* through HTTP: who may, what is said, what a press does."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, BalanceEntry, TopUp
from accounts.services import balance
from tests.accounts.stripe_server import StripeServer
from tests.addresses import url
from tests.factories import (
    UserFactory,
    account_with,
    creator_of,
    member_of,
    top_up,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def press(client: Client, account: Account, **fields: Any) -> Any:
    data = {"amount": "22.92", "method": "bank", "key": str(uuid4()), **fields}
    return client.post(url("top-up", account), data)


PAGES = ("balance", "balance-csv", "top-up")


@pytest.mark.parametrize("name", PAGES)
def test_whoever_may_see_money_may_open_it_and_nobody_else(
    client: Client, account: Account, name: str
) -> None:
    people = {
        creator_of(account): 200,
        member_of(account, financial=True): 200,
        member_of(account, resource=True): 403,
        member_of(account): 403,
        UserFactory.create(): 404,
    }

    for person, status in people.items():
        client.force_login(person)
        assert client.get(url(name, account)).status_code == status


def test_a_top_up_of_another_account_is_not_there(
    signed_in: Client, account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    client = Client()
    client.force_login(creator_of(other))
    press(client, other)

    page = signed_in.get(url("top-up-state", account, TopUp.objects.get().pk))

    assert page.status_code == 404


@pytest.mark.parametrize("name", ["balance", "balance-csv"])
def test_a_page_that_only_shows_refuses_post(
    signed_in: Client, account: Account, name: str
) -> None:
    assert signed_in.post(url(name, account)).status_code == 405


def test_movements_say_what_moved_and_what_stood_after(
    signed_in: Client, account: Account
) -> None:
    page = signed_in.get(url("balance", account))

    for words in ("$1,000.00", "−$49.50", "+$1,049.50", "261121-0001", "Purchase"):
        assertContains(page, words)


def test_a_debt_is_shown_with_what_it_prevents(
    signed_in: Client, account: Account, now: datetime
) -> None:
    balance.reverse(
        account=account,
        amount=Decimal(1020),
        reference="wrong:1",
        reason="Charged back.",
        by=None,
        now=now,
    )
    owing = signed_in.get(url("balance", account))
    top_up(account, 30, now)
    paid = signed_in.get(url("balance", account))

    assertContains(owing, "$20.00 is owed from a payment that was taken back")
    assertContains(owing, "Charged back.")
    assertContains(signed_in.get(url("top-up", account)), "A debt is paid first", 0)
    assertContains(paid, "$20.00 of it paid a debt.")
    assertNotContains(paid, "is owed from")


def test_movements_are_filtered_by_kind_and_year(
    signed_in: Client, account: Account
) -> None:
    only = signed_in.get(url("balance", account), {"kind": "top_up", "year": "2026"})
    none = signed_in.get(url("balance", account), {"year": "2025"})
    bad = signed_in.get(url("balance", account), {"kind": "gift", "year": "soon"})

    assertContains(only, "+$1,049.50")
    assertNotContains(only, "−$49.50")
    assertContains(none, "No movement matches.")
    assertContains(bad, "−$49.50")


def test_pages_of_movements_follow_each_other_without_gap_or_repeat(
    signed_in: Client,
    account: Account,
    now: datetime,
    django_assert_max_num_queries: Any,
) -> None:
    for cents in range(1, 121):
        top_up(account, Decimal(cents) / 100, now)
    seen: list[str] = []
    query = ""
    while True:
        with django_assert_max_num_queries(20):
            page = signed_in.get(f"{url('balance', account)}?{query}").content.decode()
        seen += re.findall(r'class="num(?: okc)?">([+−][^<]*)<', page)
        more = re.search(r'href="\?([^"]*after=[^"]*)"', page)
        if more is None:
            break
        query = more[1].replace("&amp;", "&")

    assert len(seen) == 122
    assert seen[:3] == ["+$1.20", "+$1.19", "+$1.18"]


def test_a_place_of_another_account_is_a_sentence(
    signed_in: Client, account: Account
) -> None:
    page = signed_in.get(url("balance", account), {"after": "bogus"})

    assertContains(page, "not known", status_code=422)


def test_htmx_gets_the_rows_alone(signed_in: Client, account: Account) -> None:
    rows = signed_in.get(url("balance", account), headers={"HX-Request": "true"})

    assertContains(rows, 'id="rows"')
    assertNotContains(rows, "<html")


def test_csv_is_streamed_whole_and_runs_nothing(
    signed_in: Client, account: Account, now: datetime
) -> None:
    for _ in range(1_001):
        top_up(account, 1, now)
    balance.adjust(
        account=account,
        amount=Decimal(-3),
        reference="adjustment:1",
        reason='=HYPERLINK("https://evil.example","x")',
        by=None,
        now=now,
    )

    response: Any = signed_in.get(url("balance-csv", account))

    assert response.streaming
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert len(lines) == 1 + 1_004
    assert "\"'=HYPERLINK(" in lines[1]
    assert lines[-2].split(",")[2:5] == ["261121-0001", "", "-49.50"]
    assert response.headers["Content-Type"].startswith("text/csv")


def test_a_bank_transfer_gets_a_reference_and_no_money(
    signed_in: Client, account: Account, settings: Settings
) -> None:
    settings.BANK_DETAILS = ["Image Scan Pte. Ltd.", "SG 1234"]

    response = press(signed_in, account)

    page = signed_in.get(response.headers["Location"])
    for words in (TopUp.objects.get().reference, "$22.92", "SG 1234"):
        assertContains(page, words)
    assert BalanceEntry.objects.count() == 2


def test_only_ways_that_are_set_up_are_offered(
    signed_in: Client, account: Account, settings: Settings
) -> None:
    settings.STRIPE_SECRET_KEY = ""

    assertNotContains(signed_in.get(url("top-up", account)), "Card or other method")
    refused = press(signed_in, account, method="stripe")

    assertContains(refused, "not available", status_code=422)
    assert not TopUp.objects.exists()


def test_stripes_page_is_one_link_away_and_never_framed(
    signed_in: Client, account: Account, stripe: StripeServer
) -> None:
    response = press(signed_in, account, method="stripe")
    page = signed_in.get(response.headers["Location"])

    assertContains(page, 'href="https://checkout.stripe.example/c/pay/cs_test_1"')
    assertContains(page, '<meta http-equiv="refresh" content="0;url=https://checkout')
    assert "stripe" not in page.headers["Content-Security-Policy"]


def test_htmx_is_led_to_the_page_of_the_top_up(
    signed_in: Client, account: Account, stripe: StripeServer
) -> None:
    data = {"amount": "5", "method": "stripe", "key": str(uuid4())}

    response = signed_in.post(
        url("top-up", account), data, headers={"HX-Request": "true"}
    )

    assert response.headers["HX-Redirect"].endswith("?go=1")


def test_the_same_press_twice_is_one_request(
    signed_in: Client, account: Account, stripe: StripeServer
) -> None:
    key = str(uuid4())

    answers = {
        press(signed_in, account, method="stripe", key=key).headers["Location"]
        for _ in range(2)
    }

    assert len(answers) == TopUp.objects.count() == len(stripe.sessions) == 1
    other = press(signed_in, account, amount="9", method="stripe", key=key)
    assertContains(other, "already sent with other values", status_code=409)


def test_a_service_that_does_not_answer_keeps_what_was_typed_and_the_key(
    signed_in: Client, account: Account, stripe: StripeServer
) -> None:
    key = str(uuid4())
    stripe.fails_with = 500

    refused = press(signed_in, account, method="stripe", key=key)
    stripe.fails_with = None
    again = press(signed_in, account, method="stripe", key=key)

    assertContains(refused, "does not answer", status_code=422)
    assertContains(refused, f'name="key" value="{key}"', status_code=422)
    assertContains(refused, 'value="22.92"', status_code=422)
    assert again.status_code == 302


def test_coming_back_asks_stripe_and_shows_it_when_it_is_known(
    signed_in: Client, account: Account, stripe: StripeServer, now: datetime
) -> None:
    press(signed_in, account, method="stripe")
    found = TopUp.objects.get()
    page = url("top-up-state", account, found.pk)

    waiting = signed_in.get(page, {"returned": "1"})
    signed_in.get(page, {"returned": "1"})

    assertContains(waiting, "do not pay again")
    job = ProcrastinateJob.objects.get(task_name="accounts.payment_tasks.ask")
    assert job.args == {"account_id": account.pk, "top_up_id": found.pk}
    balance.top_up(
        account=account, amount=found.amount, reference="x", by=None, now=now
    )
    TopUp.objects.filter(pk=found.pk).update(state="paid", paid_at=now)
    assertContains(signed_in.get(page), "$22.92 added. Balance $1,022.92.")


@pytest.mark.parametrize(
    "amount", ["0.99", "50000.01", "-5", "1.001", "lots", "", "NaN", "1e400", "9" * 30]
)
def test_a_wrong_amount_is_a_sentence_beside_the_field(
    signed_in: Client, account: Account, amount: str
) -> None:
    response = press(signed_in, account, amount=amount)

    assertContains(response, "Enter $1.00 to $50,000.00.", status_code=422)
    assert not TopUp.objects.exists()


@pytest.mark.parametrize("amount", ["1", "$1,000.00", "50000.00"])
def test_an_amount_may_be_typed_as_it_is_printed(
    signed_in: Client, account: Account, amount: str
) -> None:
    assert press(signed_in, account, amount=amount).status_code == 302


def test_the_shortfall_it_was_opened_for_is_the_first_choice(
    signed_in: Client, account: Account
) -> None:
    purchase = signed_in.get(url("purchase", account), {"quantity": "9000"})
    assertContains(purchase, "Top up $80.00")
    assertContains(purchase, f"{url('top-up', account)}?need=80.00&amp;then=")

    dialog = signed_in.get(url("top-up", account), {"need": "80.00"})

    assertContains(dialog, "$80.00 for this purchase")
    assertContains(
        dialog, 'name="amount" inputmode="decimal" autocomplete="off" value="80.00"'
    )


@pytest.mark.parametrize("need", ["-1", "x", "NaN", "1.234", "9" * 40])
def test_a_nonsense_need_is_ignored(
    signed_in: Client, account: Account, need: str
) -> None:
    assert signed_in.get(url("top-up", account), {"need": need}).status_code == 200


def test_the_chip_in_the_top_bar_leads_to_the_balance(
    signed_in: Client, account: Account
) -> None:
    page = signed_in.get(url("orders", account))

    assertContains(page, f'id="balance" href="{url("balance", account)}"')
