"""How long the console takes to answer over the demo's data: every page of a customer
that links lead to, whole and as the part that htmx swaps in."""

import os
import statistics
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import psutil
import pytest
from django.db import connection
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from accounts.middleware import TOKEN
from accounts.models import Account, User
from quota.scanners import Engines
from quota.services.advising import StoredAdvisories
from tcss_billing.demo import seed
from tests.addresses import addresses
from tests.benchmarks.conftest import seconds
from tests.benchmarks.served import Visitor, visiting
from tests.markup import Page
from tests.registries.acts import connect
from tests.tcss_billing.test_isolation import RULES, SHOWS

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "20"))
FRONT = "/a/halden-pay/"
# Of one page so many examples are asked for, and the slowest counts.
EXAMPLES = 2
# What one person notices as waiting, in milliseconds, for nineteen answers in twenty.
MOST = 100
# What no link leads to: the script asks for it, or a form that was pressed.
BESIDE = ("subscription/renew",)
# A poll's answer, which is a part of its page, and has no page of its own.
POLLED = {"registry-notes", "selection"}


class Taken(NamedTuple):
    """The milliseconds of an answer; ``work`` is the part on a processor, which is all
    there is on a machine that has nothing else to do."""

    work: float
    wait: float
    half: float


def is_page(name: str) -> bool:
    """Files are fetched beside the page, which goes on."""
    return not name.endswith(("-csv", "-json", "-pdf", "-file"))


@pytest.fixture
def visitor(client: Client, tmp_path: Path) -> Iterator[Visitor]:
    """The demo's creator, with the demo's data and a registry."""
    now = timezone.now()
    seed.seed(
        folder=tmp_path,
        password="correct horse",
        scanner=Engines(StoredAdvisories()).chosen("builtin"),
        now=now,
        say=str,
    )
    connect(Account.objects.get(slug="halden-pay"), "https://r.invalid", now)
    client.force_login(User.objects.get(email="creator@demo.example"))
    with visiting(client) as visitor:
        yield visitor


def examples(visitor: Visitor) -> dict[str, list[str]]:
    """Addresses that links and filters lead to from the first page, by their name."""
    found: dict[str, list[str]] = {}
    ahead = deque([FRONT, *(FRONT + path for path in BESIDE)])
    while ahead:
        url = ahead.popleft()
        name = resolve(url.partition("?")[0]).url_name or ""
        if not is_page(name):
            continue
        known = found.setdefault(name, [])
        if url in known or len(known) == EXAMPLES:
            continue
        known.append(url)
        page = Page(visitor.get(url), url.partition("?")[0])
        ahead += sorted(asked_from(page))
    return found


def asked_from(page: Page) -> set[str]:
    """What a browser may ask for next: links, filters as they stand, and what htmx
    asks for while a form is filled in, with the form but for what makes a press valid.
    """
    whole = (link.partition("#")[0] for link in page.links)
    links = {link for link in whole if link.startswith(FRONT)}
    for form in page.forms:
        data = form.data()
        data.pop(TOKEN, None)
        sent = urlencode(data, doseq=True)
        if form.method == "get" and form.action.startswith(FRONT):
            links.add(f"{form.action}?{sent}")
        beneath = {link for link in links if link.startswith(f"{form.action}/")}
        if form.method == "post" and data:
            links = links - beneath | {f"{link}?{sent}" for link in beneath}
    return links


class Processors:
    """The time that the web server and its part of the database spend on a processor,
    which other work on the machine does not stretch."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            backends = [pid for (pid,) in cursor.fetchall()]
        web = psutil.Process().children(recursive=True)
        self._pids = [*backends, *(each.pid for each in web)]

    def spent(self) -> float:
        """So far, in milliseconds."""
        tasks = [
            task for pid in self._pids for task in Path(f"/proc/{pid}/task").iterdir()
        ]
        nanoseconds = [(task / "schedstat").read_text().split()[0] for task in tasks]
        return sum(map(int, nanoseconds)) / 1_000_000


def milliseconds(
    visitor: Visitor, processors: Processors, url: str, *, fragment: bool
) -> Taken:
    """Of an address's answers: how much work nineteen in twenty take at most, and how
    long they and half of them take."""
    waits, works = [], []
    for _ in range(ROUNDS):
        begun = processors.spent()
        waits.append(seconds(lambda: visitor.get(url, fragment=fragment)) * 1000)
        works.append(processors.spent() - begun)
    work, wait = (statistics.quantiles(taken, n=20)[-1] for taken in (works, waits))
    return Taken(work, wait, statistics.median(waits))


def test_every_page_and_part_answers_before_anybody_waits(
    visitor: Visitor, capsys: pytest.CaptureFixture[str]
) -> None:
    found = examples(visitor)
    processors = Processors()
    taken = {
        f"{name}{', part' if fragment else ''}": max(
            milliseconds(visitor, processors, url, fragment=fragment) for url in urls
        )
        for name, urls in found.items()
        for fragment in (False, True)
    }

    lines = sorted(taken.items(), key=lambda each: each[1], reverse=True)
    table = [
        f"{name:<32} {work:>8.1f} {wait:>8.1f} {half:>8.1f}"
        for name, (work, wait, half) in lines
    ]
    head = f"{'ms':<32} {'work p95':>8} {'p95':>8} {'p50':>8}"
    with capsys.disabled():
        print("\n".join(("", head, *table)))  # noqa: T201 -- its purpose
    shown = {each.name for each in addresses() if each.is_of_an_account}
    asked = {name for name in shown if RULES[name][0] >= SHOWS and is_page(name)}
    assert asked - POLLED <= found.keys()
    assert [name for name, each in lines if each.work > MOST] == []
