"""Signing in and out: the same words for everybody, and a pause after five tries."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertRedirects

from accounts.errors import TooMany
from accounts.models import Account, Letter, Throttle, User
from accounts.services import delivering, letters, throttling
from tests.factories import UserFactory, creator_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
FROM = {"referer": "http://testserver/sign-in"}
MEI = {"username": "mei@example.com", "password": "correct horse"}
PASSWORD = "a fine long phrase"


@pytest.fixture
def mei() -> User:
    return UserFactory.create(email="mei@example.com", name="Mei Tanaka")


def try_wrong(client: Client, email: str = "mei@example.com") -> Any:
    return client.post("/sign-in", {"username": email, "password": "wrong"})


def link_in(letter: Letter, now: datetime) -> str:
    text = letters.compose(letter, now).text
    found = re.search(r"http://127\.0\.0\.1:8000(/\S+)", text)
    assert found, text
    return found[1]


def test_a_person_signs_in_by_email_whatever_its_case(
    client: Client, mei: User
) -> None:
    response = client.post("/sign-in", {**MEI, "username": "Mei@Example.com"})

    assertRedirects(response, "/", fetch_redirect_response=False)


@pytest.mark.parametrize("email", ["mei@example.com", "nobody@example.com"])
def test_a_refusal_does_not_say_whether_the_email_exists(
    client: Client, mei: User, email: str
) -> None:
    answers = [try_wrong(client, email) for _ in range(6)]

    for left, response in zip((4, 3, 2), answers, strict=False):
        words = f"Email or password is wrong. You have {left} tries left before a"
        assertContains(response, words, status_code=422)
        assertContains(response, email, status_code=422)
    assertContains(answers[3], "You have 1 try left", status_code=422)
    for response in answers[4:]:
        assertContains(
            response,
            "Too many tries. Try again in 15 minutes, or reset your password.",
            status_code=422 if response is answers[4] else 429,
        )
    assert answers[5].headers["Retry-After"] == "900"


def test_in_the_pause_the_right_password_does_not_help_and_after_it_does(
    client: Client, mei: User, clock: "time_machine.Traveller", now: datetime
) -> None:
    clock.move_to(now - timedelta(minutes=10))
    for _ in range(4):
        try_wrong(client)
    clock.move_to(now)
    try_wrong(client)

    clock.move_to(now + timedelta(minutes=14, seconds=59))
    assert client.post("/sign-in", MEI).status_code == 429
    clock.move_to(now + timedelta(minutes=15))
    assert client.post("/sign-in", MEI).status_code == 302


def test_the_right_password_begins_the_count_anew(client: Client, mei: User) -> None:
    for _ in range(4):
        try_wrong(client)
    assert client.post("/sign-in", MEI).status_code == 302
    client.post("/sign-out")

    assertContains(try_wrong(client), "You have 4 tries left", status_code=422)


def test_somebody_elses_tries_from_elsewhere_do_not_lock_a_person_out(
    client: Client, mei: User
) -> None:
    for _ in range(6):
        Client(REMOTE_ADDR="203.0.113.9").post(
            "/sign-in", {"username": "mei@example.com", "password": "wrong"}
        )

    assert client.post("/sign-in", MEI).status_code == 302


def test_one_address_cannot_try_many_people(client: Client) -> None:
    answers = [try_wrong(client, f"p{n}@example.com").status_code for n in range(52)]

    assert answers[:50] == [422] * 50
    assert answers[50:] == [429] * 2


def test_the_table_of_tries_holds_no_address(client: Client, mei: User) -> None:
    try_wrong(client)

    assert Throttle.objects.count() == 3
    assert not Throttle.objects.filter(key__contains="mei").exists()


def test_old_counts_are_cleared(now: datetime) -> None:
    throttling.take("a", limit=5, per=timedelta(minutes=1), now=now)

    assert throttling.clear_old(now=now) == 0
    assert throttling.clear_old(now=now + timedelta(minutes=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_are_all_counted(now: datetime) -> None:
    def attempt(_: int) -> bool:
        try:
            throttling.take("key", limit=5, per=timedelta(minutes=15), now=now)
        except TooMany:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(24))) == 5


def test_the_back_office_has_the_same_door(client: Client, mei: User) -> None:
    for _ in range(6):
        response = client.post(
            "/admin/login/", {"username": mei.email, "password": "wrong"}
        )
    assert response.status_code == 429
    client.force_login(mei)
    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize("to", ["https://evil.example/", "10", "admin:index"])
def test_signing_in_returns_only_to_our_own_pages(
    client: Client, mei: User, to: str
) -> None:
    response = client.post("/sign-in", {**MEI, "next": to})

    assertRedirects(response, "/", fetch_redirect_response=False)


def test_signing_out_is_a_post(client: Client, mei: User) -> None:
    client.force_login(mei)

    assert client.get("/sign-out").status_code == 405
    assertRedirects(client.post("/sign-out"), "/sign-in")


def test_the_start_page_of_somebody_without_an_account(
    client: Client, mei: User
) -> None:
    assertRedirects(client.get("/"), "/sign-in")
    client.force_login(mei)
    assertContains(client.get("/"), "No account yet")


def test_a_forgotten_password_is_set_by_the_link_once(
    client: Client, mei: User, now: datetime
) -> None:
    User.objects.update(email_verified_at=None)
    client.post("/forgot-password", {"email": "MEI@example.com"})
    link = link_in(Letter.objects.get(), now)

    page = client.get(link, follow=True)
    address = page.redirect_chain[-1][0]
    assert client.post(address, {"password": "12345"}).status_code == 422
    assertRedirects(
        client.post(address, {"password": PASSWORD}), "/", fetch_redirect_response=False
    )

    mei.refresh_from_db()
    assert mei.check_password(PASSWORD)
    assert mei.email_verified_at == now
    other = Client()
    assertContains(other.get(link, follow=True), "This link no longer works")


def test_a_reset_link_lives_an_hour(
    client: Client, mei: User, clock: "time_machine.Traveller", now: datetime
) -> None:
    client.post("/forgot-password", {"email": mei.email})
    link = link_in(Letter.objects.get(), now)

    clock.move_to(now + timedelta(minutes=61))

    assertContains(client.get(link, follow=True), "This link no longer works")


def test_asking_for_a_reset_does_not_say_who_signs_in_here(
    client: Client, mei: User
) -> None:
    answers = [
        client.post("/forgot-password", {"email": email}).content.decode()
        for email in (mei.email, "nobody@example.com")
    ]

    assert answers[0].replace(mei.email, "x") == answers[1].replace(
        "nobody@example.com", "x"
    )
    assert Letter.objects.count() == 1


def test_resets_are_limited_by_the_hour(client: Client, mei: User) -> None:
    answers = [
        client.post("/forgot-password", {"email": mei.email}).status_code
        for _ in range(7)
    ]

    assert answers == [200] * 5 + [429] * 2
    assert Letter.objects.count() == 5


def test_an_account_is_opened_with_a_verified_address_where_it_is_allowed(
    client: Client, settings: Settings, now: datetime
) -> None:
    assert client.get("/sign-up").status_code == 404
    settings.SIGN_UP = True
    client.post("/sign-up", {"email": "New@Example.com"})
    link = link_in(Letter.objects.get(), now)
    assert not User.objects.exists()

    data = {"account": "Corvid  Labs", "zone": "Mars", "name": "A", "password": "x"}
    assert client.post(link, data).status_code == 422
    data |= {"zone": "Europe/Berlin", "password": PASSWORD}
    assertRedirects(
        client.post(link, data), "/a/corvid-labs/", fetch_redirect_response=False
    )

    account = Account.objects.get()
    assert (account.name, account.zone) == ("Corvid Labs", "Europe/Berlin")
    assert creator_of(account).email_verified_at == now
    assertContains(
        Client().post(link, data), "This link no longer works", status_code=409
    )
    assert Account.objects.count() == 1


def test_signing_up_with_an_address_that_signs_in_here_sends_a_reset(
    client: Client, settings: Settings, mei: User
) -> None:
    settings.SIGN_UP = True

    client.post("/sign-up", {"email": mei.email})

    assert Letter.objects.get().kind == "password_reset"


def test_no_letter_holds_its_secret(client: Client, mei: User, now: datetime) -> None:
    client.post("/forgot-password", {"email": mei.email})
    letter = Letter.objects.get()

    link_in(letter, now)

    letter.refresh_from_db()
    assert letter.context == {}


def test_a_reset_of_somebody_who_was_shut_out_is_skipped(
    client: Client, mei: User, now: datetime
) -> None:
    client.post("/forgot-password", {"email": mei.email})
    User.objects.update(is_active=False)

    with pytest.raises(delivering.Skip, match="no longer sign in"):
        letters.compose(Letter.objects.get(), now)


def test_a_page_that_was_open_too_long_says_so(mei: User) -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post("/sign-in", MEI, headers=FROM)

    assertContains(response, "This page was open too long", status_code=403)
    assertContains(response, 'href="/sign-in"', status_code=403)


def test_what_breaks_has_a_code_by_which_it_is_found(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    client.raise_request_exception = False
    client.force_login(UserFactory.create())
    settings.SESSION_IDLE_MINUTES = None

    response = client.get("/")

    assertContains(response, "Nothing was charged.", status_code=500)
    code = re.search(r"Code ([0-9A-F]{4}-[0-9A-F]{2})", response.content.decode())
    assert code
    assert code[1] in caplog.text


def test_in_maintenance_every_page_says_until_when(
    client: Client, settings: Settings
) -> None:
    settings.MAINTENANCE_UNTIL = "03:30"

    response = client.get("/sign-in")

    assertContains(response, "Maintenance until about 03:30.", status_code=503)
    assert response.headers["Retry-After"] == "600"
