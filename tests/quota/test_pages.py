"""The console's pages through HTTP: rights, refusals, fragments, query counts."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.models import Account
from quota.models import Image, Kind, LedgerEntry, Order, QuotaWindow, Scan, ScanTask
from tests.factories import (
    ImageFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)

pytestmark = pytest.mark.django_db
BOUGHT = datetime(2024, 3, 15, 14, tzinfo=UTC)


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3))


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator["time_machine.Traveller"]:
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def signed_in(client: Client, account: Account) -> Client:
    client.force_login(creator_of(account))
    return client


OF_A_KIND = {"images", "image", "scan-now", "scan-estimate", "selection"}


def url(name: str, account: Account, *more: object, kind: Kind = Kind.LOCAL) -> str:
    of_kind = [kind] if name in OF_A_KIND else []
    return reverse(f"quota:{name}", args=[account.slug, *of_kind, *more])


def hidden(response: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found, name
    return found[1]


def agreed(response: Any) -> dict[str, str]:
    names = ("key", "agreed_set", "agreed_cost", "agreed_images")
    return {name: hidden(response, name) for name in names}


def press_dialog(client: Client, account: Account, images: list[Image]) -> Any:
    query = {"image": [image.pk for image in images]}
    dialog = client.get(url("scan-now", account), query)
    data = {
        **query,
        **agreed(dialog),
        "scope": "selected",
        "categories": ["vulnerabilities"],
    }
    return client.post(url("scan-now", account), data)


PAGES = ("images", "scan-now", "selection", "tasks", "purchase", "orders")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_answers_its_creator(
    signed_in: Client, account: Account, name: str
) -> None:
    response = signed_in.get(url(name, account))

    assert response.status_code == 200
    assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_a_member_without_the_right_gets_403_and_who_can_help(
    client: Client, account: Account
) -> None:
    client.force_login(member_of(account, financial=True))

    response = client.get(url("scan-now", account))

    assertContains(response, str(creator_of(account)), status_code=403)
    assert client.get(url("purchase", account)).status_code == 200


def test_the_header_shows_left_total_used_held_and_reset(
    signed_in: Client, account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    press(account, images[:1], now)
    finish(account, now)
    press(account, images[1:], now)

    response = signed_in.get(url("images", account))

    for words in ("298", "left of 300", "1 used", "1 held", "Resets"):
        assertContains(response, words)


def test_the_seed_example_shows_with_the_clock_moved(
    client: Client, clock: "time_machine.Traveller"
) -> None:
    account = account_with(months=2, now=BOUGHT, slug="seed")
    client.force_login(creator_of(account))
    image = ImageFactory.create(account=account)
    for _ in range(100):
        press(account, [image], BOUGHT)
        finish(account, BOUGHT)

    clock.move_to(BOUGHT + timedelta(days=30, hours=23))
    before = client.get(url("images", account))
    clock.move_to(datetime(2024, 4, 15, 14, tzinfo=UTC))
    client.logout()
    client.force_login(creator_of(account))
    after = client.get(url("images", account))

    assertContains(before, '<span class="big">289.1</span>')
    assertContains(before, "10.9 used")
    assertContains(after, '<span class="big">300</span>')


def test_scanning_from_the_dialog_holds_what_it_said(
    signed_in: Client, account: Account
) -> None:
    images = ImageFactory.create_batch(3, account=account)

    response = press_dialog(signed_in, account, images)

    task = ScanTask.objects.get()
    assert response.headers["Location"] == url("images", account)
    assert task.cost_tenths == 30


def test_the_same_press_twice_has_one_effect(
    signed_in: Client, account: Account
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    query = {"image": [image.pk for image in images]}
    dialog = signed_in.get(url("scan-now", account), query)
    data = {
        **query, **agreed(dialog), "scope": "selected", "categories": ["trojans"],
    }  # fmt: skip

    first = signed_in.post(url("scan-now", account), data)
    second = signed_in.post(url("scan-now", account), data)

    assert first.headers["Location"] == second.headers["Location"]
    assert LedgerEntry.objects.filter(kind="hold").count() == 2


def test_a_cost_that_rose_is_shown_anew_with_409(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    query = {"image": [image.pk]}
    dialog = signed_in.get(url("scan-now", account), query)
    data = {
        **query, **agreed(dialog), "scope": "selected", "categories": ["trojans"],
        "agreed_cost": "5",
    }  # fmt: skip

    response = signed_in.post(url("scan-now", account), data)

    assertContains(response, "The cost changed", status_code=409)
    assert not Scan.objects.exists()


def test_a_selection_that_does_not_fit_offers_what_fits(
    signed_in: Client, account: Account
) -> None:
    ImageFactory.create_batch(301, account=account)
    dialog = signed_in.get(url("scan-now", account), {"scope": "all"})
    assertContains(dialog, "1 more quota needed")
    assertContains(dialog, "Scan the 300 that fit")
    data = {
        **agreed(dialog), "scope": "all", "categories": ["trojans"],
    }  # fmt: skip

    refused = signed_in.post(url("scan-now", account), {**data, "key": uuid4()})
    fitting = signed_in.post(url("scan-now", account), {**data, "fit": "1"})

    assertContains(refused, "more quota needed", status_code=422)
    assert fitting.status_code == 302
    assert ScanTask.objects.get().images == 300


def test_an_image_of_another_account_is_never_scanned(
    signed_in: Client, account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    foreign = ImageFactory.create(account=other)

    page = signed_in.get(url("image", account, foreign.digest))
    response = signed_in.post(
        url("scan-now", account),
        {
            "image": foreign.pk, "scope": "selected", "categories": ["trojans"],
            "key": uuid4(), "agreed_set": "0.0", "agreed_cost": 0, "agreed_images": 0,
        },
    )  # fmt: skip

    assert page.status_code == 404
    assertContains(response, "Choose at least one image", status_code=422)
    assert not Scan.objects.exists()


@pytest.mark.parametrize(
    "bad",
    [
        {"categories": []},
        {"categories": ["weather"]},
        {"image": []},
        {"image": ["x"]},
        {"image": [str(2**70)]},
        {"minutes": "0"},
        {"key": "no"},
        {"key": ""},
        {"scope": "galaxy"},
    ],
)
def test_bad_input_to_scan_now_is_a_sentence(
    signed_in: Client, account: Account, bad: dict[str, object]
) -> None:
    image = ImageFactory.create(account=account)
    good = {
        "image": [image.pk], "scope": "selected", "categories": ["trojans"],
        "key": uuid4(), "agreed_set": "1.1", "agreed_cost": 10, "agreed_images": 1,
    }  # fmt: skip

    response = signed_in.post(url("scan-now", account), {**good, **bad})

    assert response.status_code == 422
    assert not Scan.objects.exists()


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


def test_a_balance_too_small_is_refused_with_the_shortfall(
    signed_in: Client, account: Account
) -> None:
    dialog = signed_in.get(url("purchase", account), {"quantity": "9000"})

    assertContains(dialog, "Top up $80.00")


def test_an_unknown_cursor_is_a_sentence(signed_in: Client, account: Account) -> None:
    response = signed_in.get(url("images", account), {"after": "bogus"})

    assertContains(response, "not known", status_code=422)


def test_pages_follow_each_other_without_gap_or_repeat(
    signed_in: Client, account: Account
) -> None:
    ImageFactory.create_batch(120, account=account)
    for sort in ("name", "containers", "risk", "active"):
        seen: list[str] = []
        query = f"sort={sort}"
        while query:
            content = signed_in.get(
                f"{url('images', account)}?{query}"
            ).content.decode()
            seen += re.findall(r'name="image" value="(\d+)"', content)
            more = re.search(r'href="\?([^"]*after=[^"]*)"[^>]*>Next', content)
            query = more[1].replace("&amp;", "&") if more else ""

        assert len(seen) == len(set(seen)) == 120


def test_the_list_asks_few_queries_however_many_images(
    signed_in: Client,
    account: Account,
    django_assert_max_num_queries: Any,
) -> None:
    ImageFactory.create_batch(60, account=account)
    signed_in.get(url("images", account))

    with django_assert_max_num_queries(8):
        signed_in.get(url("images", account))


def test_htmx_gets_the_rows_alone_but_a_restored_history_the_page(
    signed_in: Client, account: Account
) -> None:
    ImageFactory.create(account=account)
    htmx: Any = {"HTTP_HX_REQUEST": "true"}

    rows = signed_in.get(url("images", account), **htmx)
    boosted = signed_in.get(url("images", account), HTTP_HX_BOOSTED="true", **htmx)
    restored = signed_in.get(
        url("images", account), HTTP_HX_HISTORY_RESTORE_REQUEST="true", **htmx
    )

    assert b"<html" not in rows.content
    assert b"<html" in boosted.content
    assert b"<html" in restored.content
    assert "HX-Request" in rows.headers["Vary"]


def test_the_bar_says_what_the_ticked_images_cost(
    signed_in: Client, account: Account
) -> None:
    images = ImageFactory.create_batch(2, account=account)

    response = signed_in.get(
        url("selection", account),
        {"image": [image.pk for image in images]},
        HTTP_HX_REQUEST="true",
    )

    assertContains(response, "2 images selected")
    assertContains(response, "2 quota")


def test_stopping_gives_back_what_did_not_start(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = press(account, ImageFactory.create_batch(3, account=account), now)

    response = signed_in.post(url("stop-task", account, task.pk))

    assert response.status_code == 302
    page = signed_in.get(url("task", account, task.pk))
    assertContains(page, "3 not started")
    assert QuotaWindow.objects.filter(held_tenths__gt=0).count() == 0


def test_an_image_page_says_why_each_scan_cost_what_it_did(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    for _ in range(2):
        press(account, [image], now)
        finish(account, now)

    history = signed_in.get(url("image", account, image.digest), {"tab": "history"})
    findings = signed_in.get(url("image", account, image.digest))

    assertContains(history, "First scan: no earlier result for this image, so 1.")
    assertContains(history, "Repeat scan: an earlier result exists, so 0.1.")
    assertContains(findings, "CVE-2026-0000")


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
