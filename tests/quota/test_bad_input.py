"""Every bad value that is named, at every form: a sentence, the status, no effect."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import Account
from quota.models import Image, QuotaPack
from tests.factories import ImageFactory, account_with, creator_of, member_of
from tests.snapshot import snapshot

pytestmark = pytest.mark.django_db
KEY = "00000000-0000-4000-8000-000000000001"
# What the form at each address sends when everything in it is right.
GOOD: dict[str, dict[str, Any]] = {
    "subscription/purchase": {
        "quantity": "300", "key": KEY, "state": "1.1", "total": "36.00",
    },
    "subscription/renew": {"months": "1", "key": KEY, "state": "", "total": "24.75"},
    "images/local/scan": {
        "image": ["{image}"], "scope": "selected", "categories": ["trojans"],
        "key": KEY, "agreed_set": "1.1", "agreed_cost": "10", "agreed_images": "1",
    },
    "images/local/schedule": {
        "is_on": "1", "cycle_days": "1", "start": "02:00", "stop_by": "06:00",
        "categories": ["trojans"], "scope": "all", "fit": "", "revision": "0",
    },
    "registries/connect": {
        "name": "eu", "type": "harbor", "address": "r.invalid", "username": "reader",
        "password": "pw", "verify_certificate": "1",
    },
    "balance/top-up": {"amount": "100", "method": "bank", "key": KEY},
    "orders/1/refund": {
        "line": "2", "reason": "moving", "note": "", "understood": "1", "key": KEY,
    },
    "members/invite": {"email": "new@example.com", "role": ""},
    "members/{member}/role": {"role": "resource"},
    "members/hand-over": {"member": "{member}", "password": "correct horse"},
    "billing-details": {"name": "Halden Pay", "address": "", "tax_id": ""},
}  # fmt: skip
QUANTITIES = ("0", "-300", "299", "301", "1e9", "text", "", "300.5", "999999999999")
MONTHS = ("0", "37", "-1", "1.5", "text", "99999999")
KEYS = ("", "text", "0" * 5_000)
FOREIGN = "{foreign}"


def table() -> Iterator[tuple[str, str, Any]]:
    """Address, field, and a value it refuses."""
    yield from rows("subscription/purchase", quantity=QUANTITIES, key=KEYS,
                    total=("", "text", "1e999", "NaN", "0.001"),
                    state=("", "1.999", "text", "x" * 5_000))  # fmt: skip
    yield from rows("subscription/renew", months=MONTHS, key=KEYS,
                    pack=("299", "301", "600", "-300", "1e9", "text", ""),
                    state=("text", "x" * 5_000), total=("text", "1"))  # fmt: skip
    yield from rows("images/local/scan",
                    image=([], ["x"], [FOREIGN], ["9" * 30], ["0"]),
                    categories=([], ["weather"]), minutes=("0", "-1", "1441", "text"),
                    scope=("galaxy",), key=KEYS,
                    agreed_cost=("-1", "text", "9" * 30))  # fmt: skip
    yield from rows("images/local/schedule", stop_by=("02:00", "25:00", "text"),
                    cycle_days=("0", "2", "14", "31", "-1", "text", ""),
                    start=("", "24:00", "text"), categories=([], ["weather"]),
                    scope=("", "galaxy"), revision=("7", "-1", "9" * 30, "text"),
                    fit=("2",))  # fmt: skip
    yield from rows("registries/connect", name=("", "x" * 61), type=("", "tape"),
                    address=("", "ftp://r", "http://u:p@r", "[", "r:99999", "a b"),
                    username=("", "x" * 201), ca_certificate=("text", "²"),
                    pull_limit=("0", "-1", "1000001", "text"),
                    only=("../x", "A B"))  # fmt: skip
    yield from rows("balance/top-up", method=("", "barter"), key=KEYS,
                    amount=("", "0", "-5", "1.001", "1e9", "NaN", "text", "9" * 30),
                    )  # fmt: skip
    yield from rows("orders/1/refund", reason=("", "whim"), understood=("",), key=KEYS,
                    note=("x" * 501,))  # fmt: skip
    yield from rows("members/invite", role=("king",),
                    email=("", "text", "a@b", "x" * 250 + "@e.com"))  # fmt: skip
    yield from rows("members/{member}/role", role=("king", "creator"))
    yield from rows("members/hand-over", password=("", "wrong"),
                    member=("", "0", "text", FOREIGN, "{creator}"))  # fmt: skip
    yield from rows("billing-details", name=("", "x" * 151), tax_id=("x" * 41,),
                    address=("x" * 501, "\n".join("abcdefg")))  # fmt: skip


def rows(at: str, **fields: tuple[Any, ...]) -> Iterator[tuple[str, str, Any]]:
    for field, values in fields.items():
        for value in values:
            yield at, field, value


@pytest.fixture
def account(now: datetime) -> Iterator[Account]:
    with time_machine.travel(now, tick=False):
        account = account_with(now=now - timedelta(days=3))
        ImageFactory.create(account=account)
        member_of(account)
        other = account_with(now=now, slug="other")
        ImageFactory.create(account=other)
        yield account


@pytest.fixture
def creator(client: Client, account: Account) -> Client:
    client.force_login(creator_of(account))
    return client


@pytest.fixture
def fill(account: Account) -> dict[str, object]:
    """What stands for the names in braces."""
    return {
        "image": Image.objects.get(account=account).pk,
        "foreign": Image.objects.exclude(account=account).get().pk,
        "member": account.members.get(is_creator=False).user_id,
        "creator": creator_of(account).pk,
    }


def filled(value: Any, fill: dict[str, object]) -> Any:
    if isinstance(value, list):
        return [filled(each, fill) for each in value]
    return re.sub(r"\{(\w+)\}", lambda m: str(fill[m[1]]), value)


def sent(client: Client, at: str, fill: dict[str, object]) -> dict[str, Any]:
    """The form, right in all fields, with what the page itself hides in it."""
    data = {name: filled(value, fill) for name, value in GOOD[at].items()}
    page = "subscription" if at == "subscription/renew" else filled(at, fill)
    shown = client.get(f"/a/halden-pay/{page}", data)
    hidden = r'name="(state|total|agreed_\w+)" value="([^"]*)"'
    return data | dict(re.findall(hidden, shown.content.decode()))


def sentences(content: str) -> list[str]:
    """What the page says is wrong."""
    said = re.findall(r'role="alert"[^>]*>(.*?)</(?:p|div)>', content, re.DOTALL)
    return [words for each in said if (words := re.sub("<[^>]*>", "", each).strip())]


@pytest.mark.parametrize("at", GOOD)
def test_the_form_that_is_right_is_taken(
    creator: Client, at: str, fill: dict[str, object]
) -> None:
    data = sent(creator, at, fill)

    response = creator.post(f"/a/halden-pay/{filled(at, fill)}", data)

    assert response.status_code == 302, response.content.decode()


@pytest.mark.parametrize(("at", "field", "value"), list(table()))
def test_a_bad_value_gets_a_sentence_and_changes_nothing(
    creator: Client, at: str, field: str, value: Any, fill: dict[str, object]
) -> None:
    data = sent(creator, at, fill)
    name = f"pack_{QuotaPack.objects.get(account__slug='halden-pay').pk}"
    data[name if field == "pack" else field] = filled(value, fill)
    before = snapshot()

    response = creator.post(f"/a/halden-pay/{filled(at, fill)}", data)

    assert response.status_code in {404, 409, 422}
    assert sentences(response.content.decode())
    assert snapshot() == before
