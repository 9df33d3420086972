"""Every statement behind a customer's page keeps to that customer's account."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client

from tests.addresses import addresses
from tests.factories import creator_of
from tests.lived import Lived, live
from tests.markup import Page
from tests.scoping import unkept
from tests.tcss_billing.test_catalogue import STAFFS_OWN, ask

pytestmark = pytest.mark.django_db
NO_TABLE = ("SAVEPOINT", "RELEASE", "ROLLBACK", "SET ")
# Who is in which account, and what waits for them, is asked by person: the door itself.
OF_A_PERSON = {"accounts_member", "accounts_notice"}


@pytest.fixture
def customers(db: None) -> set[str]:
    tables = ask(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'account_id'"
    )
    return {table for (table,) in tables} - STAFFS_OWN


@pytest.fixture
def lived(now: datetime) -> Iterator[Lived]:
    with time_machine.travel(now, tick=False):
        yield live(now)


Watched = Callable[..., tuple[str, list[tuple[str, list[str]]], int]]


@pytest.fixture
def watched(lived: Lived, customers: set[str]) -> Watched:
    """Ask as the creator and take the effect back: the answer, which statements
    strayed, and how many there were."""
    client = Client(raise_request_exception=False)
    client.force_login(creator_of(lived.account))

    def asked(method: str, path: str, **sent: Any) -> Any:
        seen: list[tuple[str, object]] = []

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            seen.append((sql, params))
            return execute(sql, params, many, context)

        with transaction.atomic():
            with connection.execute_wrapper(note):
                response: Any = client.generic(method, path, **sent)
                content = b"".join(response) if response.streaming else response.content
            transaction.set_rollback(True)
        strayed = [
            (sql, found)
            for sql, values in seen
            if not sql.startswith(NO_TABLE)
            and (found := unkept(sql, values, customers, lived.account.pk))
            and not ('"user_id" = ' in sql and set(found) <= OF_A_PERSON)
        ]
        # A PDF's bytes may look like a page that is broken.
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        return content.decode() if is_page else "", strayed, len(seen)

    return asked


def test_no_statement_of_a_page_leaves_the_account(
    watched: Watched, lived: Lived
) -> None:
    """Every page, and every form on it as it stands."""
    strayed: dict[str, Any] = {}
    forms: dict[tuple[str, str], str] = {}
    statements = 0
    for each in (each for each in addresses() if each.is_of_an_account):
        path = lived.path(each)
        content, found, count = watched("GET", path)
        statements += count
        strayed.update(dict.fromkeys((sql for sql, _ in found), (each.name, found)))
        for form in Page(content, path).forms:
            forms[form.action, form.method] = urlencode(form.data(), doseq=True)
    for (action, method), body in forms.items():
        kind = "application/x-www-form-urlencoded"
        sent = {"data": body, "content_type": kind}
        if method == "get":
            sent = {"QUERY_STRING": body}
        _, found, count = watched(method.upper(), action, **sent)
        statements += count
        strayed.update(dict.fromkeys((sql for sql, _ in found), (action, found)))

    assert strayed == {}
    assert statements > 500
    assert len(forms) > 30


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1 FROM quota_image WHERE account_id = 7", []),
        ("SELECT 1 FROM quota_image i WHERE i.account_id = 7 AND i.id = 1", []),
        ("SELECT 1 FROM quota_image WHERE account_id = 8", ["quota_image"]),
        ("SELECT 1 FROM quota_image WHERE id = 7", ["quota_image"]),
        ("SELECT 1 FROM quota_image WHERE account_id = 7 OR id = 1", ["quota_image"]),
        ("SELECT 1 FROM quota_image WHERE NOT account_id = 7", ["quota_image"]),
        ("UPDATE quota_image SET tag = '' WHERE id = 1", ["quota_image"]),
        ("UPDATE quota_image SET tag = '' WHERE account_id = 7 AND id = 1", []),
        ("DELETE FROM quota_image WHERE id IN (1)", ["quota_image"]),
        ("INSERT INTO quota_image (account_id) VALUES (7)", []),
        (
            "INSERT INTO quota_image (account_id) SELECT account_id FROM quota_scan",
            ["quota_scan"],
        ),
        (
            "SELECT 1 FROM quota_scan s JOIN quota_image i ON s.image_id = i.id"
            " WHERE s.account_id = 7",
            ["quota_image"],
        ),
        (
            "SELECT 1 FROM quota_scan s JOIN quota_image i ON s.image_id = i.id"
            " AND s.account_id = i.account_id WHERE s.account_id = 7",
            [],
        ),
        (
            "SELECT 1 FROM quota_scan s JOIN quota_image i ON s.image_digest = i.digest"
            " WHERE s.account_id = 7",
            ["quota_image"],
        ),
        (
            "SELECT 1 FROM quota_scan s JOIN quota_image i USING (account_id)"
            " WHERE s.account_id = 7",
            [],
        ),
        (
            "SELECT 1 FROM quota_scan s WHERE s.account_id = 7 AND EXISTS"
            " (SELECT 1 FROM quota_image i WHERE i.id = s.id)",
            ["quota_image"],
        ),
        (
            "SELECT 1 FROM quota_scan s WHERE s.account_id = 7 AND EXISTS"
            " (SELECT 1 FROM quota_image i WHERE i.account_id = s.account_id)",
            [],
        ),
        (
            "SELECT 1 FROM quota_scan s JOIN accounts_account a ON a.id = s.account_id"
            " WHERE a.id = 7",
            [],
        ),
        (
            "SELECT 1 FROM quota_scan s WHERE s.account_id = 7 UNION"
            " SELECT 1 FROM quota_image",
            ["quota_image"],
        ),
        (
            "WITH mine AS (SELECT account_id, id FROM quota_scan WHERE account_id = 7)"
            " SELECT 1 FROM quota_image i JOIN mine ON mine.account_id = i.account_id",
            [],
        ),
    ],
)
def test_the_reader_of_statements_sees_what_is_missing(
    sql: str, found: list[str], customers: set[str]
) -> None:
    assert unkept(sql, (), customers, 7) == found
