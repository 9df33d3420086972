"""Pages through HTTP: who sees them, what the header and the lists show."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django.asserts import assertContains

from accounts.models import Account
from quota.models import QuotaWindow
from tests.addresses import url
from tests.factories import (
    ImageFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
BOUGHT = datetime(2024, 3, 15, 14, tzinfo=UTC)
PAGES = ("images", "scan-now", "tasks", "purchase", "orders")


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
