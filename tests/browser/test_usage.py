"""*Usage and ledger* in Chromium: lines that open, more of them, and a proof."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from quota.models import QuotaWindow
from tests.browser.test_console import sign_in
from tests.browser.walk import check
from tests.factories import ImageFactory, account_with, finish, press

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    """Thirty tasks of two images each, and then one of sixty."""
    now = timezone.now()
    account = account_with(now=now - timedelta(days=3))
    for number in range(30):
        at = now - timedelta(days=1, minutes=30 - number)
        press(account, ImageFactory.create_batch(2, account=account), at)
        finish(account, at)
    press(account, ImageFactory.create_batch(60, account=account), now)
    finish(account, now)
    return account


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, account: Account) -> Page:
    page = browser.new_page(bypass_csp=True)
    sign_in(page, live_server, account)
    page.goto(f"{live_server.url}/a/{account.slug}/usage")
    return page


def test_lines_open_to_their_images_and_those_to_the_reason(page: Page) -> None:
    page.get_by_role("link", name="60 selected local images").first.click()
    drawer = page.locator("#drawer")
    expect(drawer.locator("tbody tr")).to_have_count(51)
    check(page, "a line opened")

    drawer.get_by_role("link", name="Load 50 more").click()
    expect(drawer.locator("tbody tr")).to_have_count(60)
    expect(drawer.locator("tbody tr").nth(50).locator("a").first).to_be_focused()

    drawer.locator("tbody tr a").first.click()
    expect(drawer).to_contain_text("Why this charge")
    check(page, "why this charge")


def test_totals_and_count_follow_the_filters(page: Page) -> None:
    expect(page.locator("#rows tbody tr")).to_have_count(51)
    page.get_by_role("link", name="Load 50 more").click()
    expect(page.locator("#rows tbody tr").nth(50).locator("a").first).to_be_focused()

    page.select_option("#f-month", index=1)
    expect(page.locator("#totals-h")).to_contain_text(", 300")
    page.select_option("#f-kind", "grant")
    expect(page.locator("#entries")).to_have_text("1 entry")
    expect(page).to_have_url(re.compile("kind=grant"))
    page.locator("#days a rect").first.hover()
    check(page, "usage")


def test_a_statement_is_proved_in_the_browser(
    page: Page, live_server: LiveServer, account: Account, tmp_path: Path
) -> None:
    window = QuotaWindow.objects.filter(account=account).earliest("starts_at").pk
    at = f"{live_server.url}/a/{account.slug}/usage/statements/{window}"
    file, spoiled, other = (tmp_path / name for name in ("good", "bad", "other"))
    file.write_bytes(page.request.get(f"{at}.json").body())
    spoiled.write_text(file.read_text().replace('"tenths":10}', '"tenths":11}', 1))
    other.write_text("[]")
    context = page.context.browser.new_context(  # type: ignore[union-attr]
        storage_state=page.context.storage_state()
    )
    strict = context.new_page()  # with the policy that customers have
    strict.goto(at)

    for proof, words in (
        (file, "Proved: 241 entries"),
        (spoiled, "is not the one that was written"),
        (other, "This is not a statement"),
    ):
        strict.set_input_files("#file", proof)
        expect(strict.locator("#proved")).to_contain_text(words)
    context.close()
