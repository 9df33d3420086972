"""*Overview* in Chromium, where quota runs short."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from tests.browser.walk import Walk, entered, listen
from tests.factories import ImageFactory, account_with, creator_of, finish, press

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    """Runs out of quota long before the reset."""
    now = timezone.now()
    account = account_with(now=now - timedelta(days=10))
    for ago, count in ((8, 60), (6, 30), (4, 60), (2, 20)):
        images = ImageFactory.create_batch(count, account=account)
        press(account, images, now - timedelta(days=ago))
        finish(account, now - timedelta(days=ago))
    return account


def test_the_overview_of_who_runs_short_is_accessible_and_fits(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    context = entered(browser, live_server, creator_of(account))
    walk = Walk(context.new_page(), live_server.url)
    walk.open(f"/a/{account.slug}/", narrowest=True)

    expect(walk.page.locator(".advice")).to_be_visible()
    context.close()
    assert not walk.faults, "\n".join(walk.faults)


def test_the_advised_purchase_is_made_over_the_overview(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    page = entered(browser, live_server, creator_of(account)).new_page()
    heard = listen(page)
    page.goto(f"{live_server.url}/a/{account.slug}/")

    page.locator(".advice a", has_text="Buy ").click()

    expect(page.locator("#quantity")).to_have_value("300")
    expect(page.locator("#usage-bars")).to_contain_text("300 is enough.")
    page.locator("#modal button.primary", has_text="Pay $36.00").click()
    expect(page.locator("#modal")).to_contain_text("300 scans added")
    page.keyboard.press("Escape")
    expect(page.locator("#month")).to_contain_text("430 of 600")
    assert heard == []
