"""How many queries each page of a customer takes: a table of every one of them."""

from collections.abc import Iterator
from datetime import datetime

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.http import Right
from tests.addresses import Address, addresses
from tests.factories import creator_of
from tests.lived import Lived, live
from tests.tcss_billing.test_isolation import RULES

pytestmark = pytest.mark.django_db
AT_MOST = 10
# Pages that bring several things together; each may fall, none may rise.
OTHERWISE = {
    "front": 18,
    "image": 12,
    "task": 11,
    "scan-now": 12,
    "scan-estimate": 12,
    "schedule": 14,
    "schedule-estimate": 14,
    "entry": 11,
    "usage": 11,
    "purchase": 13,
    "purchase-quote": 13,
    "subscription": 16,
    "renew": 16,
    "renew-quote": 16,
    "refund-order": 13,
}


@pytest.fixture
def lived(now: datetime) -> Iterator[Lived]:
    with time_machine.travel(now, tick=False):
        yield live(now)


def pages() -> list[Address]:
    """Every page below an account that can be opened."""
    return [
        address
        for address in addresses()
        if "GET" in RULES[address.name][0] and RULES[address.name][1] in set(Right)
    ]


def test_no_page_takes_more_queries_than_its_budget(
    client: Client, lived: Lived
) -> None:
    client.force_login(creator_of(lived.account))
    client.get(lived.account.get_absolute_url())
    over = {}

    for address in pages():
        with CaptureQueriesContext(connection) as asked:
            response = client.get(lived.path(address))
            if response.streaming:
                b"".join(response)
        assert response.status_code in {200, 302, 422}, address.name
        if len(asked) > OTHERWISE.get(address.name, AT_MOST):
            over[address.name] = len(asked)

    assert over == {}
