"""The console in real Chromium: a first scan and a purchase."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from quota.models import Order, ScanTask
from tests.factories import ImageFactory, account_with, creator_of, finish, press

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    now = timezone.now() - timedelta(days=3)
    account = account_with(now=now)
    images = ImageFactory.create_batch(6, account=account)
    press(account, images[:2], now)
    finish(account, now)
    return account


def sign_in(page: Page, server: LiveServer, account: Account) -> None:
    page.goto(f"{server.url}/sign-in")
    page.fill("#id_username", creator_of(account).email)
    page.fill("#id_password", "correct horse")
    page.click("button.primary")
    expect(page.locator("h1")).to_have_text("Overview")
    page.goto(f"{server.url}/a/{account.slug}/images/local")


def test_ticking_two_images_and_scanning_them(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text))
    sign_in(page, live_server, account)

    page.select_option("#f-state", "not_scanned")
    expect(page.locator("#rows tbody tr")).to_have_count(4)
    page.locator('#rows input[name="image"]').nth(0).check()
    page.locator('#rows input[name="image"]').nth(1).check()
    page.locator(".bulk a.primary", has_text="2 quota").click()
    page.locator("#modal button.primary", has_text="Scan now").click()

    expect(page.locator("#flash")).to_contain_text("2 images, 2 quota held")
    assert ScanTask.objects.count() == 2
    assert errors == []


def test_buying_quota_in_the_dialog(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    page = browser.new_page()
    sign_in(page, live_server, account)

    page.locator("#quota a.btn").click()
    page.locator('#modal [data-step="300"]').click()
    page.locator("#modal button.primary", has_text="Pay $72.00").click()

    expect(page.locator("#modal")).to_contain_text("600 scans added")
    expect(page.locator("#quota")).to_contain_text("898 left of 900")
    page.keyboard.press("Escape")
    expect(page.locator("#modal")).to_be_hidden()
    assert Order.objects.count() == 2


def test_the_same_without_javascript(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    sign_in(page, live_server, account)

    page.locator('#rows input[name="image"]').nth(0).check()
    page.get_by_role("button", name="Scan selected images").click()
    page.get_by_role("button", name="Scan now").click()

    expect(page.locator("#flash")).to_contain_text("1 image")
    page.goto(f"{live_server.url}/a/{account.slug}/subscription/purchase")
    page.get_by_role("button", name="300 more").click()
    expect(page.locator("#quantity")).to_have_value("600")
    assert "csrf" not in page.url
    page.get_by_role("button", name="Pay $72.00 from balance").click()
    expect(page.locator("h1")).to_contain_text("Order")
