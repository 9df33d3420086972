"""Looking at a page in both schemes and both widths, and saying what is wrong."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import User

SHOWN = {200, 422}
# Beside what is shown: a row that only services write, and an address that is pressed.
ANSWERS = SHOWN | {403, 405}
WIDTHS = (1440, 390)
NARROWEST = 320
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast"]
AXE = """async (rules) => {
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 20)));
    const how = {runOnly: rules, resultTypes: ["violations"], preload: false};
    const found = await axe.run(how);
    return found.violations.map(
        (each) => [each.id, each.nodes.map((node) => node.target.join(" "))]);
}"""
# What sticks out, if the page scrolls sideways.
SIDEWAYS = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const outside = (each) => each.getBoundingClientRect().right > width + 0.5;
    const all = [...document.querySelectorAll("body *:not(.vh, .vh *)")];
    const found = all.filter(outside).slice(0, 3);
    return ["the page", ...found.map((each) => each.outerHTML.slice(0, 80))];
}"""


def entered(browser: Browser, server: LiveServer, user: User | None) -> BrowserContext:
    """A window of somebody who is signed in, without transitions."""
    context = browser.new_context(reduced_motion="reduce")
    if user is not None:
        client = Client()
        client.force_login(user)
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies(
            [{"name": name, "value": client.cookies[name].value, "url": server.url}]
        )
    return context


def marks_of(html: str) -> frozenset[tuple[str, ...]]:
    """What stands on a page whatever its words: its elements with their classes and
    roles, from the main part on."""
    main = html[html.find("<main") :]
    return frozenset(
        (tag, *re.findall(r'(?:class|role|disabled|type)="[^"]*"', given))
        for tag, given in re.findall(r"<(\w+)([^>]*)", main)
    )


def listen(page: Page) -> list[str]:
    """What the browser's console says from now on, and where."""
    heard: list[str] = []

    def hear(words: str) -> None:
        # A page that answers 404 is said to have failed to load; it is what we look at.
        if "the server responded with a status of" not in words:
            heard.append(f"{page.url}: {words}")

    page.on("console", lambda said: hear(said.text))
    page.on("pageerror", lambda error: hear(str(error)))
    return heard


def check(page: Page, name: str) -> None:
    """Nothing is wrong with what stands there now, as it stands."""
    page.evaluate(AXE_SCRIPT)
    assert page.evaluate(AXE, TAGS) == [], name
    assert page.evaluate(SIDEWAYS) == [], name


@dataclass
class Walk:
    """One window that looks at page after page and keeps what it finds."""

    page: Page
    base: str
    faults: list[str] = field(init=False)
    looked: int = 0

    def __post_init__(self) -> None:
        self.faults = listen(self.page)

    def open(self, path: str, *, narrowest: bool = False) -> None:
        """Load it once and look at it."""
        self.page.goto(self.base + path)
        self.look(path, narrowest=narrowest)

    def look(self, name: str, *, narrowest: bool = False) -> None:
        """What stands there now, in each scheme and width: everything in one scheme,
        and in the other the colours, which alone depend on it."""
        self.looked += 1
        self.page.evaluate(AXE_SCRIPT)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            for scheme, rules in (("light", COLOURS), ("dark", TAGS)):
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                self._axe(f"{name} ({scheme}, {width})", rules)
            self._fits(f"{name} ({width})")
        if narrowest:
            self.page.set_viewport_size({"width": NARROWEST, "height": 900})
            self._fits(f"{name} ({NARROWEST})")

    def _axe(self, name: str, rules: list[str]) -> None:
        found: list[Any] = self.page.evaluate(AXE, rules)
        self.faults += [f"{name}: {rule} at {nodes[:3]}" for rule, nodes in found]

    def _fits(self, name: str) -> None:
        if out := self.page.evaluate(SIDEWAYS):
            self.faults.append(f"{name}: scrolls sideways for {out}")


def pages(
    user: User | None, paths: Iterable[str], answers: Collection[int] = ANSWERS
) -> dict[str, frozenset[tuple[str, ...]]]:
    """Those that show this person a page of their own, and what stands there. One that
    leads nowhere fails."""
    client = Client()
    if user:
        client.force_login(user)
    found: dict[str, tuple[str, frozenset[tuple[str, ...]]]] = {}
    for path in paths:
        response = client.get(path, follow=True)
        assert response.status_code in answers, (path, response.status_code)
        kind = response.headers.get("Content-Type", "")
        if response.status_code in SHOWN and kind.startswith("text/html"):
            marks = marks_of(response.content.decode())
            found.setdefault(response.request["PATH_INFO"], (path, marks))
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
