"""Text no form expects, at every address a customer reaches."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import transaction
from django.test import Client

from tests.addresses import Address, addresses
from tests.factories import creator_of
from tests.lived import Lived, live

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
# As they are sent: percent-encoded octets.
VALUES = {
    "nothing": "",
    "NUL": "a%00b",
    "a lone surrogate": "%ED%A0%80",
    "control characters": "%01%02%1B%5B2J%7F%C2%85",
    "not UTF-8": "%FF%FE%C3",
    "line breaks": "a%0D%0AX-Other:%20b",
    "digits of another script": "%C2%B2",
    "fullwidth digits": "%EF%BC%93%EF%BC%90%EF%BC%90",
    "a number no column holds": "9" * 30,
    "a number Python refuses to read": "9" * 5_000,
    "a sign twice": "--1",
    "not a number": "NaN",
    "right to left": "%E2%80%AE300",
    "a path": "..%2F..%2Fetc%2Fpasswd",
}
# Read off the product, so that a field made tomorrow is sent too.
READ = re.compile(
    r"""(?:GET|POST|data|query)\.get(?:list)?\("(\w+)"|^    (\w+) = forms\.""",
    re.MULTILINE,
)


def fields() -> list[str]:
    """Every name that a view or a form reads."""
    names = {"image", "next", "username", "csrfmiddlewaretoken", "pack_1", "email",
             "name", "phone", "digits"}  # fmt: skip
    for app in ("accounts", "quota"):
        for folder in ("forms", "views"):
            for file in Path(settings.BASE_DIR, app, folder).glob("*.py"):
                found = READ.findall(file.read_text())
                names |= {name for pair in found for name in pair if name}
    return sorted(names)


@pytest.fixture
def lived(now: datetime) -> Iterator[Lived]:
    with time_machine.travel(now, tick=False):
        yield live(now)


@pytest.fixture
def creator(lived: Lived) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(creator_of(lived.account))
    return client


def failing(client: Client, method: str, path: str, **sent: Any) -> int:
    """The status of a request whose effect is taken back, so that each meets the same
    rows. A streamed answer is read to its end."""
    with transaction.atomic():
        response = client.generic(method, path, **sent)
        if response.streaming:
            b"".join(response)
        transaction.set_rollback(True)
    return response.status_code


def paths(lived: Lived) -> list[tuple[Address, str]]:
    return [(each, lived.path(each)) for each in addresses()]


def signs_out(address: Address) -> bool:
    """Leaving is tried by the other tests; here it would end the walk."""
    return address.name == "sign-out"


def test_the_walk_meets_every_page_of_an_account(creator: Client, lived: Lived) -> None:
    statuses = {
        each.name: failing(creator, "GET", path)
        for each, path in paths(lived)
        if each.is_of_an_account
    }

    assert len(statuses) > 50
    assert 404 not in statuses.values()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_text_breaks_a_page(
    creator: Client, lived: Lived, value: str, method: str
) -> None:
    names = fields()
    if method == "GET":  # which is asked again without it, before any page
        names.remove("csrfmiddlewaretoken")
    query = "&".join(f"{name}={value}" for name in names)
    sent: dict[str, Any] = {"QUERY_STRING": query}
    if method == "POST":
        sent |= {"data": query, "content_type": FORM}

    broken = [
        path
        for each, path in paths(lived)
        if not signs_out(each) and failing(creator, method, path, **sent) >= 500
    ]

    assert broken == []


BODIES: dict[str, dict[str, Any]] = {
    "10 MB of one field": {"data": b"q=" + b"a" * 10_000_000, "content_type": FORM},
    "10 MB of nothing known": {"data": b"\xff" * 10_000_000, "content_type": "text/x"},
    "5,000 fields": {"data": b"&".join([b"q=1"] * 5_000), "content_type": FORM},
    "a torn multipart": {
        "data": b'--x\r\nContent-Disposition: form-data; name="q"\r\n\r\n\xff\x00',
        "content_type": "multipart/form-data; boundary=x",
    },
    "a multipart without boundary": {
        "data": b"--", "content_type": "multipart/form-data",
    },
    "surrogates in a multipart": {
        "data": b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n'
        b"\xed\xa0\x80\r\n--x--\r\n",
        "content_type": "multipart/form-data; boundary=x; charset=utf-16",
    },
    "an unknown charset": {"data": b"q=1", "content_type": f"{FORM}; charset=klingon"},
    "JSON": {"data": b'{"quantity": [300]}', "content_type": "application/json"},
    "brackets and doubles": {
        "data": b"quantity=300&quantity=600&quantity[]=1&image[0]=1&key[a][b]=2"
        b"&months=1&months=2&on=1&on=0&line=1&line=2&=&&==",
        "content_type": FORM,
    },
}  # fmt: skip


@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
def test_no_body_breaks_a_page(
    creator: Client, lived: Lived, sent: dict[str, Any]
) -> None:
    broken = [
        path
        for each, path in paths(lived)
        if not signs_out(each) and failing(creator, "POST", path, **sent) >= 500
    ]

    assert broken == []


@pytest.mark.parametrize(
    "header",
    [
        {"HTTP_COOKIE": "sessionid=a\\000b; csrftoken=\x01"},
        {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://[x/"},
        {"HTTP_X_FORWARDED_FOR": "\x01, ]["},
        {"HTTP_REFERER": "http://[x/"},
        {"HTTP_ACCEPT_LANGUAGE": "a" * 5_000},
        {"HTTP_HOST": "a b"},
    ],
)
def test_no_header_breaks_a_page(
    creator: Client, lived: Lived, header: dict[str, str]
) -> None:
    broken = [
        path
        for _, path in paths(lived)
        if failing(creator, "GET", path, **header) >= 500
    ]

    assert broken == []


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_text_in_a_path_breaks_it(
    creator: Client, lived: Lived, value: str, method: str
) -> None:
    broken = []
    for each in addresses():
        for part in re.findall(r"(\w+)>", each.route):
            path = lived.path(each, **{part: value})
            if failing(creator, method, path) >= 500:
                broken.append(path[:120])

    assert broken == []
