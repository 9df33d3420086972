"""Members and notices in real Chromium."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, Invite, Member, Notice
from tests.browser.test_console import sign_in
from tests.factories import account_with, member_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    account = account_with(now=timezone.now() - timedelta(days=3))
    member_of(account, financial=True)
    return account


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, account: Account) -> Page:
    """A page of the creator's that must not complain."""
    page = browser.new_page()
    sign_in(page, live_server, account)
    return page


def test_a_role_changes_in_place_and_back(
    page: Page, live_server: LiveServer, account: Account
) -> None:
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text))
    other = Member.objects.get(is_creator=False)
    page.goto(f"{live_server.url}/a/halden-pay/members")

    page.focus(f"#role-{other.user_id}")
    page.select_option(f"#role-{other.user_id}", "both")
    expect(page.locator("#members")).to_contain_text("Role changed.")
    expect(page.locator(f"#role-{other.user_id}")).to_be_focused()
    page.click("button:has-text('Undo')")
    expect(page.locator("#members")).to_contain_text("has the earlier role again")
    page.click("a:has-text('Invite member')")
    page.fill("#modal #id_email", "lena@example.com")
    page.click("#modal button.primary")
    expect(page.locator("#flash")).to_contain_text("Invitation sent")

    assert Invite.objects.get().email == "lena@example.com"
    other.refresh_from_db()
    assert (other.is_global_resource, other.is_financial) == (False, True)
    assert errors == []


def test_notices_are_read_in_place(page: Page, live_server: LiveServer) -> None:
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text))
    page.goto(f"{live_server.url}/a/halden-pay/notices")
    expect(page.locator("#bell .count")).to_have_text("1")

    page.click("button[aria-label^='Mark read']")
    expect(page.locator("#bell .count")).to_have_count(0)
    Notice.objects.update(read_at=None)
    page.reload()
    page.click("button:has-text('Mark all read')")
    expect(page.locator("#notices")).to_contain_text("1 notice marked read.")
    expect(page.locator("#bell .count")).to_have_count(0)
    page.click("button:has-text('Undo')")
    expect(page.locator("#bell .count")).to_have_text("1")

    assert errors == []
