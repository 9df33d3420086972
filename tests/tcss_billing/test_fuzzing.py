"""Every parameter that an address reads, with one value of each kind that no form
expects, and then with whatever Hypothesis thinks of.

What an address reads is heard while it is asked as a browser asks, so a parameter made
tomorrow is sent too. ``FUZZ_EXAMPLES`` asks for more than the suite's few, and for the
back office.
"""

import logging
import os
import re
from collections.abc import Iterator, Set
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
import time_machine
from django.contrib import admin
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.admin.readonly import ReadOnlyAdmin
from accounts.models import User
from quota.models import Image, OrderLine, Subscription
from quota.rules.lifecycle import DELETION, GRACE
from quota.tasks import lapse, remind, seal, sweep, terminate
from tests.addresses import Address, addresses, back_office
from tests.fuzzing.hunting import Hunt
from tests.fuzzing.judging import Answer, Door, Request
from tests.fuzzing.values import KINDS, MARK, Value
from tests.fuzzing.walking import Place, Walk
from tests.lived import live
from tests.world import World, furnish

pytestmark = pytest.mark.django_db
SHORT = 40
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", SHORT))
# Parameters that name a row by another word than addresses do.
ROWS = {"retry": "task", "again": "task", "member": "user", "month": "window",
        "at": "notice", "undo": "change"}  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of refusals are on purpose; what is wrong is asserted."""
    for name in ("", "django.request"):
        caplog.set_level(logging.CRITICAL, name)


@pytest.fixture
def world(now: datetime) -> Iterator[World]:
    with time_machine.travel(now, tick=False):
        yield furnish(now)


@pytest.fixture
def theirs(world: World, now: datetime) -> dict[str, str]:
    """What another account calls its rows, of the same kinds."""
    lived = live(now, "canary-labs", orders=3)
    of = {"account": lived.account}
    return lived.parts | {
        "image": str(Image.objects.filter(**of).earliest("pk").pk),
        "line": str(OrderLine.objects.filter(**of).latest("pk").pk),
    }


# What a creator need not ask for, and codes that nobody was sent. All other forms are
# taken as they are filled in here, so that nothing in them hides the rest.
NEVER_TAKEN = frozenset({
    "a/<slug:account>/ask-access",
    "profile/second-factor/confirm",
    "profile/code/<str:channel>",
})  # fmt: skip
VALUES: st.SearchStrategy[Value] = (
    st.sampled_from([values[0] for values in KINDS.values() if values])
    | st.text(max_size=40).map(lambda text: f"{text}{MARK}")
    | st.text(max_size=200)
    | st.integers().map(str)
    | st.decimals(allow_nan=True).map(str)
    | st.dates().map(str)
    | st.times().map(str)
    | st.uuids().map(str)
)
FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= SHORT,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def faults_of(
    user: User | None, every: list[Address], world: World, theirs: dict[str, str],
    never_taken: Set[str] = frozenset(),
) -> list[str]:  # fmt: skip
    """What a walk comes upon; then what each kind of value brings about; then what
    several do that Hypothesis puts together, which fails by itself."""
    door, paths = Door(user), [world.path(each) for each in every]

    def foreign(name: str) -> str:
        return theirs.get(ROWS.get(name, name), theirs["image"])

    with door.heard.listening_to_forms():
        walk = Walk(door, paths, world.creator.email)
        places = [place for place in walk.places.values() if place.reads]
        hunt = Hunt(foreign, is_long=EXAMPLES > SHORT)
        for place in places:
            hunt.at(place)
    at_random(places)
    refused = {
        route
        for (method, route), place in walk.places.items()
        if method == "POST" and place.reads and not place.depth
    }
    return [
        *walk.faults,
        *hunt.faults,
        *(f"is never taken: {each}" for each in sorted(refused - never_taken)),
        *(f"is taken: {each}" for each in sorted(never_taken - refused)),
    ]


def at_random(places: list[Place]) -> None:
    @FEW
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(places))
        request = data.draw(st.sampled_from(place.requests))
        names = st.lists(st.sampled_from(place.parameters), max_size=3, unique=True)
        sent = {
            name: data.draw(st.lists(VALUES, max_size=2)) for name in data.draw(names)
        }

        answer = place.door.ask(request.given(sent))

        assert list(answer.faults()) == []

    ask()


def test_no_parameter_breaks_a_page(world: World, theirs: dict[str, str]) -> None:
    faults = faults_of(world.creator, addresses(), world, theirs, NEVER_TAKEN)

    assert not faults, "\n".join(faults)


def test_no_parameter_breaks_a_page_for_nobody(
    world: World, theirs: dict[str, str]
) -> None:
    outside = [each for each in addresses() if not each.is_of_an_account]

    faults = faults_of(None, outside, world, theirs)

    assert not faults, "\n".join(faults)


# How long after its end Professional Edition is in each of the states that follow, and
# what is not taken then.
SCAN, REFUND = "images/<kind:kind>/scan/ask", "orders/<int:number>/refund"
BUY, RENEW = "subscription/purchase", "subscription/renew"
AUTO_RENEW = "subscription/auto-renew"
AFTER = {
    "suspended": (timedelta(), {SCAN, REFUND, BUY}),
    "ending": (GRACE * 1.1, {SCAN, REFUND, BUY, RENEW, AUTO_RENEW}),
    "terminated": (DELETION, {SCAN, REFUND, RENEW, AUTO_RENEW}),
}


# Each state takes as long as an active account: a minute more, not for every run.
@pytest.mark.skipif(EXAMPLES <= SHORT, reason="FUZZ_EXAMPLES asks for more.")
@pytest.mark.parametrize("state", AFTER)
def test_no_parameter_breaks_a_page_after_the_end(
    world: World, theirs: dict[str, str], state: str
) -> None:
    ends_at = Subscription.objects.get(account=world.account).ends_at
    after, refused = AFTER[state]
    inside = [each for each in addresses() if each.is_of_an_account]
    with time_machine.travel(ends_at + after, tick=False):
        for job in (sweep, lapse, terminate, seal, remind):
            job(timestamp=0)

        never_taken = {f"a/<slug:account>/{each}" for each in {"ask-access", *refused}}
        faults = faults_of(world.creator, inside, world, theirs, never_taken)

    assert not faults, "\n".join(faults)


# Pages that take nothing, and acts that want another person or prices of another day.
NOT_BY_STAFF_ALONE = frozenset({
    "admin/accounts/adjustment/<int:pk>/confirm/",
    "admin/autocomplete/",
    "admin/jsi18n/",
    "admin/password_change/done/",
    "admin/quota/tariff/<int:pk>/copy/",
})  # fmt: skip
# Desks of their own, where others have a row that is only read.
DESKS = frozenset({
    "admin/accounts/account/<path:object_id>/change/",
    "admin/quota/refundrequest/<path:object_id>/change/",
})  # fmt: skip


def never_taken_of_staff() -> frozenset[str]:
    """Beside them what is only read, and *Add* where it asks for a customer."""
    only_read = {
        f"admin/{model._meta.app_label}/{model._meta.model_name}/{place}/"
        for model, shown in admin.site._registry.items()
        if isinstance(shown, ReadOnlyAdmin)
        for place in ("add", "<path:object_id>/change", "<path:object_id>/delete")
    }
    return frozenset(only_read - DESKS) | NOT_BY_STAFF_ALONE


# Its pages are many and slow, and only staff reach them: minutes, not for every run.
@pytest.mark.skipif(EXAMPLES <= SHORT, reason="FUZZ_EXAMPLES asks for more.")
def test_no_parameter_breaks_the_back_office(
    world: World, theirs: dict[str, str]
) -> None:
    inside = [each for each in back_office() if not each.name.startswith("demo-")]

    faults = faults_of(world.staff, inside, world, theirs, never_taken_of_staff())

    assert not faults, "\n".join(faults)


@FEW
@given(data=st.data())
def test_an_address_of_any_shape_is_answered(world: World, data: st.DataObject) -> None:
    address: Address = data.draw(st.sampled_from(addresses()), label="address")
    parts = re.findall(r"(\w+)>", address.route)
    chosen = data.draw(st.sampled_from(parts)) if parts else ""
    value = data.draw(VALUES)
    text = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
    method = data.draw(st.sampled_from(["GET", "POST"]))
    given = {chosen: quote(text, safe="/.:")} if chosen else {}

    answer = Door(world.creator).ask(
        Request(method, world.lived.path(address, **given), {}, {})
    )

    assert list(answer.faults()) == []


def test_the_judge_knows_an_echo_from_an_escape() -> None:
    def said(html: str) -> list[str]:
        return list(Answer(200, (), html, 1).faults())

    assert said(f"<p>{MARK}</p>") == ["echoed markup"]
    assert said('<a href="javascript:alert(1)">') == ["links away"]
    assert said('<a href="//evil.example/">') == ["links away"]
    assert said("<p>&lt;i&quot;&#x27;zq&gt;</p>") == []
    assert said('<i class="x"><a href="/a?next=https://evil.example/">') == []


@pytest.mark.parametrize(
    ("to", "is_fault"),
    [
        ("/a/halden-pay/", False),
        ("?page=2", False),
        ("evil", False),
        ("//evil.example/", True),
        ("/\\evil.example/", True),
        ("https://evil.example/", True),
        ("javascript:alert(1)", True),
    ],
)
def test_the_judge_knows_where_a_browser_would_go(to: str, is_fault: bool) -> None:
    assert bool(list(Answer(302, (to,), "", 1).faults())) == is_fault
