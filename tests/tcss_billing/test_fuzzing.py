"""Every form and every parameter, with whatever Hypothesis thinks of.

The forms are read off the pages as a browser gets them; the parameters are all names
that views and forms read. ``FUZZ_EXAMPLES`` asks for more than the suite's few.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.addresses import Address, addresses
from tests.factories import creator_of
from tests.lived import Lived, live
from tests.markup import Form, Page
from tests.quota.test_hostile_text import fields

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
KIND = "application/x-www-form-urlencoded"
# A statement that takes longer on these few rows would not end on many.
PATIENCE = "SET LOCAL statement_timeout = '2s'"
MOST_QUERIES = 150
MARK = "<i\x22'zq>"
# What a page must not echo as it came.
RAW = re.compile(r"<i[\x22']|i\x22'zq")

NASTY = st.sampled_from([
    "", " ", "0", "-1", "1e9", "NaN", "Infinity", "0x10", "1_000", "9" * 40, "٣٠٠", "²",
    "\x00", "\ud800", "\u202e300", "\r\nX-A: b", "../../etc/passwd", "%00", "%s%s",
    "{{7*7}}", "' OR 1=1 --", "a" * 5_000, "true", "null", "[]", "{}", "2026-13-45",
    "24:60", "é" * 300, f"{MARK}<script>alert(1)</script>", "javascript:alert(1)",
    "//evil.example/", "sha256:" + "0" * 64, "00000000-0000-0000-0000-000000000000",
])  # fmt: skip
VALUES = (
    NASTY
    | st.text(max_size=40).map(lambda text: f"{text}{MARK}")
    | st.text(max_size=200)
    | st.integers().map(str)
    | st.decimals(allow_nan=True).map(str)
    | st.dates().map(str)
    | st.times().map(str)
    | st.uuids().map(str)
)


class Target:
    """The account, signed in to, and what its pages let a browser send."""

    def __init__(self, lived: Lived) -> None:
        self.lived = lived
        self.client = Client(raise_request_exception=False)
        self.client.force_login(creator_of(lived.account))
        self.addresses = [each for each in addresses() if each.name != "sign-out"]
        self.forms = list(self._forms())

    def _forms(self) -> Iterator[Form]:
        for each in self.addresses:
            path = self.lived.path(each)
            response = self.client.get(path)
            if response.headers.get("Content-Type", "").startswith("text/html"):
                page = Page(response.content.decode(), path)
                yield from (form for form in page.forms if form.names)

    def send(self, method: str, path: str, **sent: Any) -> None:
        """Ask, judge the answer, and take the effect back."""
        queries = []

        def count(execute: Any, *given: Any) -> Any:
            queries.append(given[0])
            return execute(*given)

        cookies = SimpleCookie(self.client.cookies.output(header="", sep=";"))
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(PATIENCE)
            with connection.execute_wrapper(count):
                response: Any = self.client.generic(method, path, **sent)
                content = b"".join(response) if response.streaming else response.content
            transaction.set_rollback(True)
        self.client.cookies = cookies
        assert response.status_code < 500, (method, path, sent)
        assert len(queries) <= MOST_QUERIES, (method, path, len(queries))
        if response.headers.get("Content-Type", "").startswith("text/html"):
            assert not RAW.search(content.decode()), (method, path, sent)
        to = response.headers.get("Location", "/")
        assert re.match(r"[/?](?!/|\\)", to), (method, path, to)


@pytest.fixture
def target(now: datetime) -> Iterator[Target]:
    with time_machine.travel(now, tick=False):
        yield Target(live(now))


FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 100,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def encoded(data: dict[str, list[str]]) -> str:
    return urlencode(data, doseq=True, errors="surrogatepass")


@FEW
@given(data=st.data())
def test_a_form_with_wrong_fields_is_answered(
    target: Target, data: st.DataObject
) -> None:
    """A form as it stands, some of its fields changed, left out or sent twice."""
    form = data.draw(st.sampled_from(target.forms), label="form")
    sent = form.data()
    for name in data.draw(st.lists(st.sampled_from(sorted(form.names)), max_size=3)):
        sent[name] = data.draw(st.lists(VALUES, max_size=2), label=name)
    body = encoded(sent)

    if form.method == "get":
        target.send("GET", form.action.partition("?")[0], QUERY_STRING=body)
    else:
        target.send("POST", form.action, data=body, content_type=KIND)


@FEW
@given(data=st.data())
def test_an_address_with_any_parameters_is_answered(
    target: Target, data: st.DataObject
) -> None:
    address: Address = data.draw(st.sampled_from(target.addresses), label="address")
    names = st.sampled_from(fields())
    query = data.draw(st.dictionaries(names, st.lists(VALUES, max_size=2), max_size=4))
    is_fragment = data.draw(st.booleans())
    more = {"HTTP_HX_REQUEST": "true"} if is_fragment else {}

    target.send("GET", target.lived.path(address), QUERY_STRING=encoded(query), **more)


@FEW
@given(data=st.data())
def test_an_address_of_any_shape_is_answered(
    target: Target, data: st.DataObject
) -> None:
    address: Address = data.draw(st.sampled_from(target.addresses), label="address")
    parts = re.findall(r"(\w+)>", address.route)
    chosen = data.draw(st.sampled_from(parts)) if parts else ""
    value = quote(data.draw(VALUES), safe="/.:", errors="surrogatepass")
    method = data.draw(st.sampled_from(["GET", "POST"]))

    path = target.lived.path(address, **({chosen: value} if chosen else {}))
    target.send(method, path)


def test_the_judge_knows_an_echo_from_an_escape() -> None:
    assert RAW.search(f"<p>{MARK}</p>")
    assert not RAW.search("<p>&lt;i&quot;&#x27;zq&gt;</p>")
    assert not RAW.search('<i class="x">')
