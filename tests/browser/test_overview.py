"""*Overview* in Chromium: quota that runs short, and the first steps."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from accounts.services.opening import open_account
from tests.browser.test_console import sign_in
from tests.factories import ImageFactory, UserFactory, account_with, finish, press

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


@pytest.fixture
def newcomer() -> Account:
    """An account that bought nothing yet."""
    return open_account(
        slug="newcomer", name="Newcomer", zone="UTC", currency="USD",
        creator=UserFactory.create(), now=timezone.now(),
    )  # fmt: skip


def check(page: Page, name: str) -> None:
    found = [each["id"] for each in Axe().run(page).response["violations"]]
    assert found == [], name
    sideways = page.evaluate(
        "() => { const e = document.documentElement;"
        " return e.scrollWidth > e.clientWidth }"
    )
    assert not sideways, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_overview_is_accessible_and_fits(
    browser: Browser,
    live_server: LiveServer,
    account: Account,
    newcomer: Account,
    scheme: str,
    width: int,
) -> None:
    for each, heading in ((account, "Daily usage"), (newcomer, "First steps")):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            bypass_csp=True,
        )
        page = context.new_page()
        sign_in(page, live_server, each)
        page.goto(f"{live_server.url}/a/{each.slug}/")
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        check(page, heading)
        context.close()


def test_the_advised_purchase_opens_with_its_quantity(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    page = browser.new_page()
    sign_in(page, live_server, account)
    page.goto(f"{live_server.url}/a/{account.slug}/")

    page.locator(".advice a", has_text="Buy ").click()

    expect(page.locator("#quantity")).to_have_value("300")
    expect(page.locator("#usage-bars")).to_contain_text("300 is enough.")
