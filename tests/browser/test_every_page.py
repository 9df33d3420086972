"""Every page of the console and of the back office in Chromium: axe-core, light and
dark, wide and narrow, and nothing said in the browser's console."""

import pytest
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.addresses import Address, addresses, back_office
from tests.browser.walk import WIDTHS, Walk, entered, pages, walk_through
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
# A mail as it was sent, which is looked at in the frame around it; the way into an
# account, which is closed to staff; the door for engines.
NO_PAGE = {
    "demo-message-html", "view_on_site", "pull-ping", "pull-manifest", "pull-blob",
}  # fmt: skip


def is_worth_a_look(address: Address) -> bool:
    """Every page has its history, all drawn by one template: one is looked at."""
    is_history = address.name.endswith("_history")
    return address.name not in NO_PAGE and (
        not is_history or address.name == "procrastinate_procrastinatejob_history"
    )


def test_every_page_of_a_customer(
    browser: Browser, live_server: LiveServer, world: World
) -> None:
    looked_at = [each for each in addresses() if each.name not in NO_PAGE]
    mine = pages(world.creator, [world.path(each) for each in looked_at])

    assert walk_through(browser, live_server, world.creator, mine) > 40


def test_every_page_of_who_is_not_signed_in(
    browser: Browser, live_server: LiveServer, world: World
) -> None:
    outside = [
        each
        for each in addresses()
        if not each.is_of_an_account and each.name not in NO_PAGE
    ]
    anyones = pages(None, [world.path(each) for each in outside])

    assert walk_through(browser, live_server, None, anyones) > 5


def test_every_page_of_the_back_office(
    browser: Browser, live_server: LiveServer, world: World
) -> None:
    inside = [each for each in back_office() if is_worth_a_look(each)]
    staffs = pages(world.staff, [world.path(each) for each in inside])

    assert walk_through(browser, live_server, world.staff, staffs) > 60


WRONG = (
    "nothing", "forbidden", "pressed", "refused", "too-many", "locked", "broken",
)  # fmt: skip
# What opens over the local images, by what is pressed for it.
OVER = {
    "Scan now": ".page-head a.primary",
    "the schedule": ".page-head a[hx-target='#drawer']",
    "a purchase": "#quota a.btn",
    "an image": "#rows .c-name a",
    "the bar": "#rows input[name=image]",
}


def test_what_went_wrong_what_opens_and_what_is_empty(
    browser: Browser, live_server: LiveServer, world: World, settings: Settings
) -> None:
    settings.ROOT_URLCONF = "tests.broken_urls"
    context = entered(browser, live_server, world.creator)
    walk = Walk(context.new_page(), live_server.url)
    for path in WRONG:
        walk.open(f"/{path}", narrowest=True)
    for path in ("", "images/local", "subscription", "subscription/purchase", "usage"):
        walk.open(f"/a/corvid-labs/{path}", narrowest=True)
    for name, pressed in OVER.items():
        walk.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        walk.page.goto(f"{live_server.url}/a/halden-pay/images/local")
        walk.page.locator(pressed).first.click()
        expect(walk.page.locator("dialog[open], .bulk")).to_be_visible()
        walk.look(name)

    context.close()
    assert not walk.faults, "\n".join(walk.faults)
