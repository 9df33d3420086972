"""Every page of the console and of the back office in Chromium: axe-core, light and
dark, wide and narrow, and nothing said in the browser's console."""

import mailbox
from collections.abc import Collection, Iterable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from quota.models import Subscription
from quota.services import terminating
from tests.addresses import Address, addresses, back_office
from tests.browser.walk import WIDTHS, Walk, entered, shape_of
from tests.world import World, furnish

pytestmark = pytest.mark.django_db(transaction=True)
SHOWN = {200, 422}
# Beside what is shown: a row that only services write, and an address that is pressed.
ANSWERS = SHOWN | {403, 405}


# A mail as it was sent, which is looked at in the frame around it; the way into an
# account, which is closed to staff; the door for engines.
NO_PAGE = {
    "demo-message-html", "view_on_site", "pull-ping", "pull-manifest", "pull-blob",
}  # fmt: skip


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> World:
    settings.SIGN_UP = True
    settings.DEMO_INBOX = str(tmp_path / "inbox")
    world = furnish(timezone.now())
    mail = EmailMessage()
    mail["Subject"], mail["To"] = "Image scan expires in 5 days", world.creator.email
    mail.set_content("Renew by Monday.")
    mail.add_alternative("<p>Renew by Monday.</p>", subtype="html")
    world.parts["key"] = mailbox.Maildir(settings.DEMO_INBOX).add(mail)
    return world


def is_worth_a_look(address: Address) -> bool:
    """Every page has its history, all drawn by one template: one is looked at."""
    is_history = address.name.endswith("_history")
    return address.name not in NO_PAGE and (
        not is_history or address.name == "procrastinate_procrastinatejob_history"
    )


def pages(
    user: User | None, paths: Iterable[str], answers: Collection[int] = ANSWERS
) -> dict[str, str]:
    """Those that show this person a page of their own, by the shape of what stands
    there. One that leads nowhere fails."""
    client = Client()
    if user:
        client.force_login(user)
    found: dict[str, tuple[str, str]] = {}
    for path in paths:
        response = client.get(path, follow=True)
        assert response.status_code in answers, (path, response.status_code)
        kind = response.headers.get("Content-Type", "")
        if response.status_code in SHOWN and kind.startswith("text/html"):
            shape = shape_of(response.content.decode())
            found.setdefault(response.request["PATH_INFO"], (path, shape))
    return dict(found.values())


def walk_through(
    browser: Browser, server: LiveServer, user: User | None, paths: Iterable[str]
) -> int:
    """Look at each page. Returns how many there were; fails with all that is wrong."""
    context = entered(browser, server, user)
    walk = Walk(context.new_page(), server.url)
    for path in paths:
        walk.open(path, narrowest=not path.startswith("/admin/"))
    context.close()
    assert not walk.faults, "\n".join(walk.faults)
    return walk.looked


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


# Nothing is there of what was deleted; nothing is sold or scanned meanwhile.
IN_ANY_STATE = ANSWERS | {404, 409}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Suspended, ending and terminated, after Professional Edition has ended (rules 6).
AFTER_THE_END = (HOUR, 5 * DAY + HOUR, 6 * DAY + HOUR)


def test_every_page_in_each_state_of_an_account(
    browser: Browser, live_server: LiveServer, world: World
) -> None:
    """Those that do not look as they did in an earlier state."""
    creator = world.creator
    paths = [world.path(each) for each in addresses() if each.is_of_an_account]
    paths = [path for path in paths if not path.endswith((".csv", ".json", ".pdf"))]
    seen = set(pages(creator, paths).items())
    end, looked = Subscription.objects.get().ends_at, []

    for after in AFTER_THE_END:
        with time_machine.travel(end + after):
            terminating.terminate_due(now=end + after)
            found = pages(creator, paths, IN_ANY_STATE).items() - seen
            seen |= found
            new = sorted(path for path, _ in found)
            looked.append(walk_through(browser, live_server, creator, new))
    bare = [path.replace("/halden-pay/", "/corvid-labs/") for path in paths]
    without_edition = pages(creator, bare, IN_ANY_STATE)
    looked.append(walk_through(browser, live_server, creator, without_edition))

    assert min(looked) > 1, looked


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
