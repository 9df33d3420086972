"""Every page of an account that was not renewed, or never bought, in Chromium."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from quota.models import Subscription
from quota.services import terminating
from tests.addresses import addresses
from tests.browser.walk import ANSWERS, pages, walk_through
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
# Nothing is there of what was deleted; nothing is sold or scanned meanwhile.
IN_ANY_STATE = ANSWERS | {404, 409}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Suspended, ending and terminated, after Professional Edition has ended (rules 6).
AFTER_THE_END = (HOUR, 5 * DAY + HOUR, 6 * DAY + HOUR)


def unseen(
    found: dict[str, frozenset[tuple[str, ...]]], seen: set[tuple[str, ...]]
) -> Iterator[str]:
    """The pages that add something to what was seen, which is kept up to date."""
    for path, marks in sorted(found.items()):
        if marks - seen:
            seen |= marks
            yield path


def test_every_page_in_each_state_of_an_account(
    browser: Browser, live_server: LiveServer, world: World
) -> None:
    """Those on which something stands that no page looked at before had."""
    creator = world.creator
    paths = [world.path(each) for each in addresses() if each.is_of_an_account]
    paths = [path for path in paths if not path.endswith((".csv", ".json", ".pdf"))]
    seen = set().union(*pages(creator, paths).values())
    end, looked = Subscription.objects.get().ends_at, []

    for after in AFTER_THE_END:
        with time_machine.travel(end + after):
            terminating.terminate_due(now=end + after)
            new = list(unseen(pages(creator, paths, IN_ANY_STATE), seen))
            looked.append(walk_through(browser, live_server, creator, new))
    bare = [path.replace("/halden-pay/", "/corvid-labs/") for path in paths]
    without_edition = list(unseen(pages(creator, bare, IN_ANY_STATE), seen))
    looked.append(walk_through(browser, live_server, creator, without_edition))

    assert sum(looked) > 5, looked
