"""Every answer forbids what is inline and what comes from elsewhere, and no page has it
(ui.md 2)."""

import re
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.addresses import addresses, back_office
from tests.factories import UserFactory
from tests.world import World, furnish

pytestmark = pytest.mark.django_db
METHODS = ("get", "post")
# A mail of the demo's has its own style, and a policy of its own for it.
MAIL = "demo-message-html"


class Inline(HTMLParser):
    """Keeps what a strict policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Styles, scripts and handlers that are written into the page."""
        given = {name: value or "" for name, value in attrs}
        # What is only data is not run.
        is_data = given.get("type") == "application/json"
        if tag == "style" or (tag == "script" and "src" not in given and not is_data):
            self.found.append(f"<{tag}>")
        for name, value in given.items():
            if name == "style" or name.startswith(("on", "hx-on")):
                self.found.append(f"{tag} {name}={value}")
            if value.strip().lower().startswith(("javascript:", "js:")):
                self.found.append(f"{tag} {name}={value}")


def inline(text: str) -> list[str]:
    """What is inline in a page."""
    parser = Inline()
    parser.feed(text)
    return parser.found


def policy_of(response: Any) -> dict[str, str]:
    """The directives, each with its sources."""
    header = response.headers.get("Content-Security-Policy", "")
    parts = (each.strip().partition(" ") for each in header.split(";"))
    return {name: sources for name, _, sources in parts if name}


def faults(response: Any, name: str) -> list[str]:
    """What is wrong with one answer."""
    policy = policy_of(response)
    found = []
    if policy.get("default-src") != "'self'" or policy.get("object-src") != "'none'":
        found.append(f"{name}: {policy}")
    if any("unsafe" in sources or "*" in sources for sources in policy.values()):
        found.append(f"{name}: {policy}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        found += [f"{name}: {each}" for each in inline(response.content.decode())]
    elif response.streaming:
        b"".join(response)
    return found


@pytest.fixture
def world(settings: Settings) -> World:
    settings.SIGN_UP = True
    world = furnish(timezone.now())
    world.parts["key"] = "none"
    return world


def entered(user: User | None) -> Client:
    client = Client(raise_request_exception=False)
    if user:
        client.force_login(user)
    return client


def ask(client: Client, method: str, path: str) -> Any:
    """The answer to a request whose effect is taken back."""
    kept = SimpleCookie(client.cookies.output(header="", sep=";"))
    with transaction.atomic():
        response = getattr(client, method)(path)
        transaction.set_rollback(True)
    client.cookies = kept
    return response


@pytest.mark.parametrize("method", METHODS)
def test_no_answer_allows_or_carries_anything_inline(world: World, method: str) -> None:
    found = []
    for user, among in ((world.creator, addresses()), (world.staff, back_office())):
        client = entered(user)
        for path in [world.path(each) for each in among if each.name != MAIL]:
            answer = ask(client, method, path)
            found += faults(answer, f"{method} {path} {answer.status_code}")

    assert found == []


def test_an_error_page_is_no_exception(world: World, settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.broken_urls"
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    creator = entered(world.creator)
    answers = [
        creator.get("/nothing/here"),
        creator.get("/broken"),
        creator.get("/too-many"),
        creator.get("/refused"),
        creator.get("/locked"),
        strict.post("/sign-in", {"username": "a@b.example", "password": "c"}),
        entered(UserFactory.create()).get("/forbidden"),
    ]
    settings.MAINTENANCE_UNTIL = "03:30"
    answers.append(creator.get("/sign-in"))

    statuses = [each.status_code for each in answers]
    assert statuses == [404, 500, 429, 409, 503, 403, 403, 503]
    assert [fault for each in answers for fault in faults(each, str(each))] == []


def test_the_walk_sees_what_is_inline() -> None:
    text = (
        '<style>a{}</style><p style="color: red" onclick="x()">'
        '<script>1</script><a href="javascript:x()">x</a>'
        '<script src="/a.js"></script><script type="application/json">{}</script>'
    )

    assert len(inline(text)) == 5


def test_every_page_of_the_console_loads_only_its_own_files(world: World) -> None:
    page = entered(world.creator).get(reverse("quota:front", args=["halden-pay"]))

    sources = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert not [each for each in sources if each.startswith(("http:", "https:", "//"))]
