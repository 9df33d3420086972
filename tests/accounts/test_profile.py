"""A person's profile: addresses and numbers count once a code has proved them."""

import re
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django import Settings
from pytest_django.asserts import assertContains

from accounts.models import Code, Letter, User
from accounts.services import codes, delivering, letters
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
NUMBER = "+6591234567"


@pytest.fixture
def mei(client: Client) -> User:
    user = UserFactory.create(email="mei@example.com", email_verified_at=None)
    client.force_login(user)
    return user


def digits(now: datetime) -> str:
    """What the letter says when it is sent."""
    text = letters.compose(Letter.objects.latest("pk"), now).text
    found = re.search(r"\b(\d{6})\b", text)
    assert found, text
    return found[1]


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 10**6:06}"


def test_only_who_is_signed_in_has_a_profile(client: Client) -> None:
    for page in ("", "/name", "/email", "/phone", "/password", "/code/email"):
        response = client.post(f"/profile{page}") if page else client.get("/profile")
        assert response.headers["Location"].startswith("/sign-in?next="), page


def test_a_number_is_verified_by_the_code_sent_to_it(
    client: Client, mei: User, now: datetime
) -> None:
    client.post("/profile/phone", {"phone": "+65 9123 4567"})
    assertContains(client.get("/profile"), f"Code sent to {NUMBER}")
    mei.refresh_from_db()
    assert mei.phone == ""

    code = digits(now)
    client.post("/profile/code/sms", {"digits": f"{code[:3]} {code[3:]}"})

    mei.refresh_from_db()
    assert mei.phone == NUMBER
    client.post("/profile/phone", {"remove": "1"})
    mei.refresh_from_db()
    assert mei.phone == ""


@pytest.mark.parametrize("phone", ["", "91234567", "+65 12", "+1 555", "abc", "+" * 40])
def test_what_is_no_number_with_a_country_is_refused(
    client: Client, mei: User, phone: str
) -> None:
    response = client.post("/profile/phone", {"phone": phone})

    assert response.status_code == 422
    assert not Code.objects.exists()


def test_the_address_is_verified_by_its_code(
    client: Client, mei: User, now: datetime
) -> None:
    client.post("/profile/email", {"verify": "1"})

    client.post("/profile/code/email", {"digits": digits(now)})

    mei.refresh_from_db()
    assert mei.email_verified_at == now


def test_the_address_is_verified_by_the_link_and_only_by_a_press(
    client: Client, mei: User, now: datetime
) -> None:
    client.post("/profile/email", {"verify": "1"})
    text = letters.compose(Letter.objects.get(), now).text
    link = re.search(r"http://127\.0\.0\.1:8000(/confirm/\S+)", text)
    assert link
    anybody = Client()

    assertContains(anybody.get(link[1]), "Confirm your address")
    mei.refresh_from_db()
    assert mei.email_verified_at is None
    assertContains(anybody.post(link[1]), "Verified")
    assert anybody.post(link[1]).status_code == 422
    assert anybody.post("/confirm/forged").status_code == 422

    mei.refresh_from_db()
    assert mei.email_verified_at == now


def test_another_address_needs_the_password_and_counts_when_it_is_proved(
    client: Client, mei: User, now: datetime
) -> None:
    data = {"email": "New@Example.com", "current": "wrong"}
    assert client.post("/profile/email", data).status_code == 422
    client.post("/profile/email", {**data, "current": "correct horse"})
    mei.refresh_from_db()
    assert mei.email == "mei@example.com"

    client.post("/profile/code/email", {"digits": digits(now)})

    mei.refresh_from_db()
    assert (mei.email, mei.email_verified_at) == ("new@example.com", now)
    assert not Letter.objects.filter(kind="email_changed").exists()


def test_the_old_address_is_told_that_another_one_signs_in_now(
    client: Client, mei: User, now: datetime, settings: Settings
) -> None:
    settings.SUPPORT_EMAIL = "help@example.com"
    User.objects.update(email_verified_at=now)
    change = {"email": "new@example.com", "current": "correct horse"}
    client.post("/profile/email", change)

    client.post("/profile/code/email", {"digits": digits(now)})

    letter = Letter.objects.get(kind="email_changed")
    message = letters.compose(letter, now)
    assert (message.to, letter.user) == ("mei@example.com", mei)
    assert "with another address now, new@example.com" in message.text
    assert "or to help@example.com" in message.text


def test_an_address_that_another_person_signs_in_with_is_not_taken(
    client: Client, mei: User, now: datetime
) -> None:
    UserFactory.create(email="taken@example.com")
    client.post(
        "/profile/email", {"email": "taken@example.com", "current": "correct horse"}
    )

    response = client.post("/profile/code/email", {"digits": digits(now)})

    assertContains(response, "Another person signs in with this", status_code=422)


def test_five_wrong_codes_end_it_even_for_the_right_one(
    client: Client, mei: User, now: datetime
) -> None:
    client.post("/profile/phone", {"phone": NUMBER})
    right = digits(now)

    said = [
        client.post("/profile/code/sms", {"digits": wrong(right)}) for _ in range(5)
    ]
    last = client.post("/profile/code/sms", {"digits": right})

    assertContains(said[0], "4 tries left", status_code=422)
    assertContains(said[3], "One try left", status_code=422)
    assertContains(last, "no longer works", status_code=422)
    mei.refresh_from_db()
    assert mei.phone == ""


def test_a_code_expires_and_a_newer_one_replaces_it(mei: User, now: datetime) -> None:
    codes.ask(user=mei, channel="sms", target=NUMBER, now=now)
    first = digits(now)
    with pytest.raises(codes.WrongCode, match="no longer works"):
        codes.confirm(user=mei, channel="sms", digits=first, now=now + codes.LIFE)
    codes.ask(user=mei, channel="sms", target=NUMBER, now=now)
    second = digits(now)

    if first != second:
        with pytest.raises(codes.WrongCode):
            codes.confirm(user=mei, channel="sms", digits=first, now=now)
    codes.confirm(user=mei, channel="sms", digits=second, now=now)
    with pytest.raises(codes.WrongCode):
        codes.confirm(user=mei, channel="sms", digits=second, now=now)


def test_a_code_before_it_is_sent_matches_nothing(mei: User, now: datetime) -> None:
    codes.ask(user=mei, channel="sms", target=NUMBER, now=now)

    for typed in ("", "000000"):
        with pytest.raises(codes.WrongCode):
            codes.confirm(user=mei, channel="sms", digits=typed, now=now)


def test_a_code_is_kept_only_as_a_digest(mei: User, now: datetime) -> None:
    code = codes.ask(user=mei, channel="sms", target=NUMBER, now=now)
    sent = digits(now)

    code.refresh_from_db()
    assert len(code.digest) == 64
    assert sent not in code.digest
    assert Letter.objects.get().context == {}


def test_a_letter_too_late_for_its_code_is_skipped(mei: User, now: datetime) -> None:
    codes.ask(user=mei, channel="sms", target=NUMBER, now=now)

    with pytest.raises(delivering.Skip, match="ran out"):
        letters.compose(Letter.objects.get(), now + codes.LIFE)


def test_codes_are_limited_by_the_hour(
    client: Client, mei: User, clock: "time_machine.Traveller"
) -> None:
    def ask() -> int:
        return client.post("/profile/phone", {"phone": NUMBER}).status_code

    assert [ask() for _ in range(6)] == [302] * 5 + [429]
    clock.shift(timedelta(minutes=29))
    assert ask() == 429


def test_more_tries_than_five_are_impossible(mei: User, now: datetime) -> None:
    codes.ask(user=mei, channel="sms", target=NUMBER, now=now)

    with pytest.raises(IntegrityError, match="code_tries"), transaction.atomic():
        Code.objects.update(tries=6)


@pytest.mark.parametrize(
    "phone", ["12", "+0123456789", "+65 9123 4567", "+6591234567x"]
)
def test_a_number_is_e164_in_the_database(mei: User, phone: str) -> None:
    with pytest.raises(IntegrityError, match="user_phone"), transaction.atomic():
        User.objects.update(phone=phone)


def test_a_new_password_keeps_this_session_and_ends_others(
    client: Client, mei: User
) -> None:
    other = Client()
    other.force_login(mei)
    data = {"current": "correct horse", "password": "mei@example.com"}

    assert client.post("/profile/password", data).status_code == 422
    client.post("/profile/password", {**data, "password": "a fine long phrase"})

    assert client.get("/profile").status_code == 200
    assert other.get("/profile").status_code == 302


def test_a_name_is_one_line(client: Client, mei: User) -> None:
    assert client.post("/profile/name", {"name": " \r\n "}).status_code == 422

    client.post("/profile/name", {"name": "Mei\r\nTanaka"})

    mei.refresh_from_db()
    assert mei.name == "Mei Tanaka"
