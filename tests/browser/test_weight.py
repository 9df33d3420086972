"""What the first look at a page costs: bytes over the wire, and nothing that moves."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from tests.browser.walk import entered
from tests.factories import ImageFactory, account_with, creator_of, finish, press

pytestmark = pytest.mark.django_db(transaction=True)
MOST_BYTES = 120_000
MOST_SHIFT = 0.02
PAGES = ("", "images/local", "findings", "tasks/1", "usage", "orders", "subscription")
# Whatever moves after it was drawn, from the first paint on.
SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) window.shifted += each.value;
    }).observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture
def account() -> Account:
    """Has more images than a page shows, all with findings."""
    now = timezone.now() - timedelta(days=3)
    account = account_with(now=now)
    press(account, ImageFactory.create_batch(60, account=account), now)
    finish(account, now)
    return account


def as_served(url: str, length: int) -> int:
    """A file's size as WhiteNoise keeps it, packed; a page's as it came."""
    path = urlsplit(url).path
    if not path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
        return length
    kept = Path(settings.STATIC_ROOT, *path.strip("/").split("/")[1:])
    packed = kept.with_name(f"{kept.name}.gz")
    return (packed if packed.exists() else kept).stat().st_size


def test_the_first_load_is_light_and_nothing_jumps(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    found = [(name, *first_load(browser, live_server, account, name)) for name in PAGES]

    assert [each for each in found if sum(each[1].values()) > MOST_BYTES] == []
    assert [each for each in found if each[2] > MOST_SHIFT] == []
    assert all(len(weights) >= 4 for _, weights, _ in found)


def first_load(
    browser: Browser, server: LiveServer, account: Account, name: str
) -> tuple[dict[str, int], float]:
    """The bytes of everything that a browser new to us fetches, and what moved."""
    context = entered(browser, server, creator_of(account))
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    urls: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def answered(event: dict[str, Any]) -> None:
        urls[event["requestId"]] = event["response"]["url"]

    def loaded(event: dict[str, Any]) -> None:
        sizes[event["requestId"]] = int(event["encodedDataLength"])

    wire.on("Network.responseReceived", answered)
    wire.on("Network.loadingFinished", loaded)
    page.add_init_script(SHIFTS)
    page.goto(f"{server.url}/a/halden-pay/{name}", wait_until="networkidle")
    came = {url: sizes[each] for each, url in urls.items() if each in sizes}
    shifted = float(page.evaluate("window.shifted"))
    context.close()
    return {url: as_served(url, size) for url, size in came.items()}, shifted
