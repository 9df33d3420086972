"""Dialogs in real Chromium: an address of their own, Back, and where the focus goes."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from tests.browser.test_console import sign_in
from tests.factories import ImageFactory, account_with
from tests.quota.found import scanned, weak

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    """An image with more findings than are shown at once."""
    now = timezone.now() - timedelta(days=3)
    account = account_with(now=now)
    images = ImageFactory.create_batch(3, account=account)
    scanned(account, images, [weak(f"CVE-{n:03}") for n in range(45)], now)
    return account


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, account: Account) -> Page:
    page = browser.new_page()
    sign_in(page, live_server, account)
    return page


def open_the_first(page: Page) -> str:
    page.locator("#rows a.name").first.click()
    expect(page.locator("#drawer")).to_be_visible()
    return page.url


def test_an_image_pushes_its_address_and_back_closes_it(page: Page) -> None:
    page.select_option("#f-state", "scanned")
    expect(page).to_have_url(re.compile("state=scanned"))
    listed = page.url

    opened = open_the_first(page)
    assert "/images/local/sha256:" in opened
    page.go_back()

    expect(page.locator("#drawer")).to_be_hidden()
    expect(page).to_have_url(listed)
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    page.go_forward()
    expect(page.locator("h1#modal-h")).to_be_visible()
    expect(page).to_have_url(opened)


def test_closing_a_dialog_goes_back_to_the_address_under_it(page: Page) -> None:
    listed = page.url
    opened = open_the_first(page)

    page.locator("#drawer .tabs a", has_text="Scan history").click()
    expect(page).to_have_url(re.compile("tab=history"))
    page.locator("#drawer [data-key=']']").click()
    expect(page).not_to_have_url(re.compile(re.escape(opened.partition("?")[0])))
    page.keyboard.press("Escape")

    expect(page.locator("#drawer")).to_be_hidden()
    expect(page).to_have_url(listed)
    page.locator(".page-head a.primary").click()
    expect(page.locator("#modal")).to_be_visible()
    expect(page).to_have_url(re.compile("/images/local/scan"))
    page.reload()
    expect(page.locator("h1#modal-h")).to_have_text("Scan now")


def test_from_a_drawer_to_a_dialog_back_leads_to_the_list(page: Page) -> None:
    listed = page.url
    open_the_first(page)

    page.locator("#drawer .dlg-foot a.primary").click()
    expect(page.locator("#modal")).to_be_visible()
    expect(page.locator("#drawer")).to_be_hidden()
    page.go_back()

    expect(page.locator("#modal")).to_be_hidden()
    expect(page).to_have_url(listed)


def test_loading_more_moves_the_focus_to_the_first_new_row(page: Page) -> None:
    open_the_first(page)

    page.locator("#drawer .load-more a").click()

    expect(page.locator("#finds > li")).to_have_count(41)
    expect(page.locator("#finds > li").nth(20).locator("summary")).to_be_focused()


def test_an_estimate_leaves_the_focus_where_it_is(page: Page) -> None:
    page.locator(".page-head a.primary").click()
    tick = page.locator('#modal input[name="other_platforms"]')

    with page.expect_response(re.compile("/scan/estimate")):
        tick.check()

    expect(page.locator("#modal #estimate table")).to_be_visible()
    expect(page.locator(".htmx-request, .htmx-settling")).to_have_count(0)
    expect(tick).to_be_focused()
