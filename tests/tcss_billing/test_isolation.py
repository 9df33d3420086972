"""Who gets what at every address: one table, every role, every method, and another
account's ids wherever an id can stand."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import unquote_plus as unquote
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client

from accounts.http import Right
from accounts.models import Account, Member, User
from tests.addresses import addresses
from tests.factories import UserFactory, creator_of
from tests.lived import Lived, live
from tests.markup import Page
from tests.snapshot import fingerprint

pytestmark = pytest.mark.django_db
SHOWS, ACT = frozenset({"GET"}), frozenset({"POST"})
FORM = SHOWS | ACT | {"HEAD"}
METHODS = ("GET", "HEAD", "POST", "PUT")
PUBLIC, PERSON, TICKET = "public", "person", "ticket of a running scan"
# Every address below the back office (whose table is test_permissions): what it takes,
# and whom it lets in.
TABLE: dict[tuple[frozenset[str], str], str] = {
    (SHOWS, PUBLIC): "home",
    (FORM, PUBLIC): "sign-in second-step sign-up open-account forgot-password"
    " set-password accept-invite confirm",
    (ACT, PUBLIC): "sign-out stripe-webhook csp-reports",
    (SHOWS | {"HEAD"}, TICKET): "pull-ping pull-manifest pull-blob",
    (SHOWS, PERSON): "profile second-factor help",
    (ACT, PERSON): "profile-name profile-email profile-phone profile-password"
    " profile-code begin-second-factor confirm-second-factor recovery-codes"
    " second-factor-off",
    (SHOWS, Right.SEE): "front members notices images selection image registries"
    " registry-notes findings findings-csv findings-json finding tasks task"
    " subscription usage usage-csv entry batch breakdown breakdown-csv"
    " statements statement statement-pdf statement-json account-help",
    (FORM, PERSON): "preferences",
    (FORM, Right.SEE): "notice-settings",
    (ACT, Right.SEE): "read-all-notices unread-notices read-notice ask-access",
    (SHOWS, Right.SCAN): "scan-estimate schedule-estimate",
    (FORM, Right.SCAN): "scan-now schedule connect-registry registry remove-registry",
    (ACT, Right.SCAN): "update-images schedule-undo sync-registries"
    " check-registry triage stop-task undo-task ask-for-scan ask-for-quota",
    (SHOWS, Right.MONEY): "renew-quote purchase-quote balance balance-csv"
    " top-up-state orders order invoice invoice-file refund",
    (FORM, Right.MONEY): "renew purchase top-up billing-details refund-order",
    (ACT, Right.MONEY): "auto-renew withdraw-refund",
    (FORM, Right.MEMBERS): "invite hand-over",
    (ACT, Right.MEMBERS): "change-role remove-member undo-member"
    " invite-again invite-cancel",
}
RULES = {
    name: (methods, right)
    for (methods, right), names in TABLE.items()
    for name in names.split()
}
ROLES: dict[str, set[str]] = {
    "creator": {Right.SEE, Right.SCAN, Right.MONEY, Right.MEMBERS},
    "global resource": {Right.SEE, Right.SCAN},
    "financial": {Right.SEE, Right.MONEY},
    "collaborator": {Right.SEE},
}
OUTSIDERS = ("anonymous", "stranger", "staff", "staff of every group", "superuser")
# What an address answers to whom it lets in: the empty form may be refused. Public
# addresses that an operator did not switch on, or whose link is wrong, are not there.
LET_IN = {200, 302, 409, 422}
LET_IN_PUBLIC = LET_IN | {400, 404}
# The redirect to the sign-in page; no such account; not this right; not this method.
TO_SIGN_IN, NOT_FOUND, NO_RIGHT, NO_METHOD = 302, 404, 403, 405
# No session opens the door of scan engines.
NO_TICKET = 401
# Closed words of an address, which belong to no account.
WORDS = {"kind", "channel", "account"}
# A notice is its receiver's alone; the one that is tried is the creator's.
ONLY_THE_CREATORS = {"read-notice"}


class Answer(NamedTuple):
    """What came back, and whether a row of the other account changed."""

    response: HttpResponseBase
    content: bytes
    changed: bool


Ask = Callable[..., Answer]


@pytest.fixture
def ours(now: datetime) -> Iterator[Lived]:
    with time_machine.travel(now, tick=False):
        yield live(now)


@pytest.fixture
def theirs(ours: Lived, now: datetime) -> Lived:
    return live(now, "canary-labs", orders=3)


def signed_in(user: User | None) -> Client:
    client = Client(raise_request_exception=False)
    if user:
        client.force_login(user)
    return client


@pytest.fixture
def ask(theirs: Lived) -> Ask:
    """Ask for something and take it back, so that each request meets the same rows."""
    before = fingerprint(theirs.account)

    def asked(client: Client, method: str, path: str, **sent: Any) -> Answer:
        cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
        with transaction.atomic():
            response: Any = client.generic(method, path, **sent)
            content = b"".join(response) if response.streaming else response.content
            changed = fingerprint(theirs.account) != before
            transaction.set_rollback(True)
        client.cookies = cookies
        return Answer(response, content, changed)

    return asked


def outsider(who: str) -> User | None:
    """Somebody who is in no account at all."""
    if who == "anonymous":
        return None
    user: User = UserFactory.create(
        is_staff=who != "stranger", is_superuser=who == "superuser"
    )
    if who == "staff of every group":
        user.groups.set(Group.objects.all())
    return user


def member(role: str, account: Account) -> User:
    flags = {
        "is_creator": role == "creator",
        "is_global_resource": role == "global resource",
        "is_financial": role == "financial",
    }
    found = Member.objects.filter(account=account, **flags).select_related("user")
    return found.earliest("pk").user


def expected(name: str, method: str, who: str, *, is_member: bool) -> set[int]:
    methods, right = RULES[name]
    if method not in methods:
        return {NO_METHOD}
    if right == PUBLIC:
        return LET_IN_PUBLIC
    if right == TICKET:
        return {NO_TICKET}
    if who == "anonymous":
        return {TO_SIGN_IN}
    if right == PERSON:
        return LET_IN
    if not is_member or (name in ONLY_THE_CREATORS and who != "creator"):
        return {NOT_FOUND}
    return LET_IN if right in ROLES[who] else {NO_RIGHT}


def wrong_answers(
    ask: Ask, who: str, client: Client, of: Lived, *, is_member: bool = False
) -> list[tuple[str, str, int]]:
    """What is not as the table says, or changed a row of the other account."""
    wrong = []
    for address in addresses():
        for method in METHODS:
            answer = ask(client, method, of.path(address))
            status = answer.response.status_code
            allowed = expected(address.name, method, who, is_member=is_member)
            is_away = answer.response.headers.get("Location", "").startswith(
                "/sign-in?"
            )
            ok = status in allowed and is_away == (allowed == {TO_SIGN_IN})
            if not ok or answer.changed:
                wrong.append((method, address.name, status))
    return wrong


def test_the_table_names_every_address_once() -> None:
    named = [name for names in TABLE.values() for name in names.split()]

    assert sorted(named) == sorted(each.name for each in addresses())


@pytest.mark.parametrize("who", OUTSIDERS)
def test_who_does_not_belong_finds_nothing_and_changes_nothing(
    ask: Ask, theirs: Lived, who: str
) -> None:
    assert wrong_answers(ask, who, signed_in(outsider(who)), theirs) == []


def test_no_single_group_of_staff_opens_an_account(ask: Ask, theirs: Lived) -> None:
    """Each work's permissions count in the back office only, one set at a time too."""
    opened, groups = [], Group.objects.order_by("name")
    for group in groups:
        user = UserFactory.create(is_staff=True)
        user.groups.add(group)
        client = signed_in(user)
        for address in addresses():
            methods, right = RULES[address.name]
            if not isinstance(right, Right):
                continue
            for method in methods - {"HEAD"}:
                answer = ask(client, method, theirs.path(address))
                if answer.response.status_code != NOT_FOUND or answer.changed:
                    opened.append((group.name, method, address.name))

    assert opened == []
    assert len(groups) == 9


@pytest.mark.parametrize("role", ROLES)
def test_a_member_does_what_the_role_may_and_nothing_elsewhere(
    ask: Ask, ours: Lived, theirs: Lived, role: str
) -> None:
    client = signed_in(member(role, ours.account))

    assert wrong_answers(ask, role, client, ours, is_member=True) == []
    assert wrong_answers(ask, role, client, theirs) == []


@pytest.fixture
def inside(ours: Lived) -> Client:
    """Our creator, who may do everything in our account."""
    return signed_in(creator_of(ours.account))


def test_another_accounts_id_in_a_path_is_not_found(
    ask: Ask, inside: Client, ours: Lived, theirs: Lived
) -> None:
    found, tried = [], 0
    for address in addresses():
        names = set(re.findall(r"(\w+)>", address.route)) - WORDS
        for name in names if address.is_of_an_account else ():
            path = ours.path(address, **{name: theirs.part(address, name)})
            for method in RULES[address.name][0]:
                answer = ask(inside, method, path)
                tried += 1
                if answer.response.status_code != NOT_FOUND or answer.changed:
                    found.append((method, path, answer.response.status_code))

    assert found == []
    assert tried > 20


def pages_of(lived: Lived) -> list[Page]:
    """Every page of an account, as its creator gets it."""
    client = signed_in(creator_of(lived.account))
    pages = []
    for address in addresses():
        if address.is_of_an_account and "GET" in RULES[address.name][0]:
            path = lived.path(address)
            response = client.get(path, headers={"accept": "text/html"})
            if response.headers["Content-Type"].startswith("text/html"):
                pages.append(Page(response.content.decode(), path))
    return pages


def is_wrong(answer: Answer, sent: str) -> bool:
    """Whether it broke, did something to the other account, or tells of it what was
    not in the question."""
    told = set(re.findall(rb"canary-labs[\w/@.-]*", answer.content))
    leaks = any(each.decode() not in sent for each in told)
    return answer.response.status_code >= 500 or answer.changed or leaks


def moved(url: str, ours: Lived, theirs: Lived) -> str:
    return url.replace(f"/a/{theirs.account.slug}", f"/a/{ours.account.slug}")


def test_another_accounts_links_show_nothing_of_it_in_ours(
    ask: Ask, inside: Client, ours: Lived, theirs: Lived
) -> None:
    links = {link for page in pages_of(theirs) for link in page.links if "?" in link}

    wrong = []
    for link in sorted(links):
        path = moved(link, ours, theirs)
        answer = ask(inside, "GET", path)
        if is_wrong(answer, unquote(path)):
            wrong.append((path, answer.response.status_code))

    assert wrong == []
    assert len(links) > 30


def test_another_accounts_forms_do_nothing_to_it_from_ours(
    ask: Ask, inside: Client, ours: Lived, theirs: Lived
) -> None:
    forms = {
        (form.action, form.method, urlencode(form.data(), doseq=True))
        for page in pages_of(theirs)
        for form in page.forms
    }

    wrong = []
    for action, method, body in sorted(forms):
        path = moved(action, ours, theirs)
        sent: dict[str, Any] = {
            "data": body,
            "content_type": "application/x-www-form-urlencoded",
        }
        if method == "get":
            sent = {"QUERY_STRING": body}
        answer = ask(inside, method.upper(), path, **sent)
        if is_wrong(answer, unquote(path + body)):
            wrong.append((method, path, answer.response.status_code))

    assert wrong == []
    assert len(forms) > 30
