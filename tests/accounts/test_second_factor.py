"""The second factor: set up, asked for, used once, lost and reset."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.checks import staff_have_a_second_factor
from accounts.errors import Refusal
from accounts.models import AuditEntry, Letter, RecoveryCode, SecondFactor, User
from accounts.services import letters, second_factor
from tests.accounts.second_factors import code_of, turn_on
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PAGE, STEP = "/profile/second-factor", "/sign-in/code"
PASSWORD = {"current": "correct horse"}


@pytest.fixture
def mei() -> User:
    return UserFactory.create(email="mei@example.com", name="Mei Tanaka")


def give_password(client: Client, user: User, to: str = "") -> Any:
    data = {"username": user.email, "password": "correct horse", "next": to}
    return client.post("/sign-in", data)


def is_in(client: Client) -> bool:
    return bool(client.get("/profile").status_code == 200)


def told(user: User, now: datetime) -> list[str]:
    return [
        letters.compose(letter, now).subject
        for letter in Letter.objects.filter(user=user).order_by("pk")
    ]


def test_it_is_set_up_with_the_password_and_a_code_of_the_app(
    client: Client, mei: User, now: datetime
) -> None:
    client.force_login(mei)
    assertContains(client.post(f"{PAGE}/begin", {"current": "x"}), "not your present",
                   status_code=422)  # fmt: skip
    assertRedirects(client.post(f"{PAGE}/begin", PASSWORD), PAGE)
    page = client.get(PAGE)
    secret = SecondFactor.objects.get().secret.reveal()
    assertContains(
        page, f"otpauth://totp/Image%20Scan%3Amei%40example.com?secret={secret}"
    )
    assertContains(page, "<svg")
    assert "style=" not in re.sub(r"<svg.*?</svg>", "", page.content.decode())
    assert "no-store" in page.headers["Cache-Control"]
    assertContains(client.post(f"{PAGE}/confirm", {"digits": "000000"}),
                   "wrong or was used", status_code=422)  # fmt: skip

    shown = client.post(f"{PAGE}/confirm", {"digits": code_of(mei, now)})

    codes = re.findall(r"<li><code>([a-z2-7-]+)</code>", shown.content.decode())
    assert len(codes) == 10
    assertContains(client.get(PAGE), "10 left")
    assertNotContains(client.get(PAGE), codes[0])
    assertNotContains(client.get(PAGE), secret)
    assert told(mei, now) == ["Your second factor is on"]


def test_nothing_of_it_lies_open_in_the_database(mei: User, now: datetime) -> None:
    (code, *_) = turn_on(mei, now)
    secret = SecondFactor.objects.get().secret.reveal()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT f::text || array_agg(c)::text FROM accounts_secondfactor f"
            " JOIN accounts_recoverycode c ON c.factor_id = f.id GROUP BY f.*"
        )
        ((stored,),) = cursor.fetchall()

    assert secret not in stored
    assert code not in stored
    assert code.replace("-", "") not in stored


def test_the_password_alone_opens_nothing(
    client: Client, mei: User, now: datetime
) -> None:
    turn_on(mei, now)

    assertRedirects(give_password(client, mei, "/profile"), STEP)
    assert not is_in(client)
    before = client.session.session_key
    response = client.post(STEP, {"code": code_of(mei, now)})

    assertRedirects(response, "/profile")
    assert client.session.session_key != before


def test_a_code_works_once(client: Client, mei: User, now: datetime) -> None:
    turn_on(mei, now)
    for each in (client, Client()):
        give_password(each, mei)
        response = each.post(STEP, {"code": code_of(mei, now)})

    assertContains(response, "wrong or was used", status_code=422)


@pytest.mark.parametrize(
    ("seconds", "status"), [(-60, 422), (-30, 302), (30, 302), (60, 422)]
)
def test_a_clock_may_be_half_a_minute_off(
    client: Client, mei: User, now: datetime, seconds: int, status: int
) -> None:
    turn_on(mei, now)
    give_password(client, mei)

    typed = code_of(mei, now + timedelta(seconds=seconds))

    assert client.post(STEP, {"code": typed}).status_code == status


def test_a_recovery_code_works_once_however_it_is_typed_and_is_told(
    client: Client, mei: User, now: datetime
) -> None:
    code = turn_on(mei, now)[3]
    give_password(client, mei)
    assert client.post(STEP, {"code": f" {code.upper()} "}).status_code == 302

    again = Client()
    give_password(again, mei)

    assert again.post(STEP, {"code": code}).status_code == 422
    assert told(mei, now)[-1] == "You signed in with a recovery code"
    assert RecoveryCode.objects.filter(used_at=None).count() == 9


def test_after_five_wrong_codes_comes_a_pause_for_whoever_tries(
    client: Client, mei: User, now: datetime, clock: "time_machine.Traveller"
) -> None:
    turn_on(mei, now)
    for number in range(6):
        each = Client(REMOTE_ADDR=f"203.0.113.{number}")
        give_password(each, mei)
        answer = each.post(STEP, {"code": "000000"}).status_code
    assert answer == 429
    give_password(client, mei)
    assert client.post(STEP, {"code": code_of(mei, now)}).status_code == 429

    later = now + timedelta(minutes=15)
    clock.move_to(later)
    give_password(client, mei)

    assert client.post(STEP, {"code": code_of(mei, later)}).status_code == 302


@pytest.mark.parametrize("spoiled", ["late", "new password", "inactive"])
def test_a_right_password_is_not_remembered_for_long(
    client: Client, mei: User, now: datetime, clock: "time_machine.Traveller",
    spoiled: str,
) -> None:  # fmt: skip
    turn_on(mei, now)
    give_password(client, mei)
    if spoiled == "late":
        clock.move_to(now + timedelta(minutes=10))
    elif spoiled == "inactive":
        User.objects.filter(pk=mei.pk).update(is_active=False)
    else:
        mei.set_password("another fine phrase")
        mei.save(update_fields=["password"])

    response = client.post(STEP, {"code": code_of(mei, now)})

    assertRedirects(response, "/sign-in")
    assert not is_in(client)


@pytest.mark.parametrize("act", ["confirm", "off"])
def test_a_change_of_it_ends_every_other_session(
    client: Client, mei: User, now: datetime, act: str
) -> None:
    other = Client()
    if act == "off":
        turn_on(mei, now)
    client.force_login(mei)
    other.force_login(mei)
    before = client.session.session_key
    if act == "off":
        client.post(f"{PAGE}/off", PASSWORD)
    else:
        client.post(f"{PAGE}/begin", PASSWORD)
        client.post(f"{PAGE}/confirm", {"digits": code_of(mei, now)})

    assert is_in(client)
    assert client.session.session_key != before
    assert not is_in(other)


def test_new_recovery_codes_replace_the_old(
    client: Client, mei: User, now: datetime
) -> None:
    (old, *_) = turn_on(mei, now)
    client.force_login(mei)

    shown = client.post(f"{PAGE}/codes", PASSWORD)

    assertContains(shown, "<li><code>", count=10)
    with pytest.raises(second_factor.WrongCode):
        second_factor.check(user=mei, typed=old, now=now)
    assert told(mei, now)[-1] == "You have new recovery codes"


def test_it_is_turned_off_with_the_password_only(
    client: Client, mei: User, now: datetime
) -> None:
    turn_on(mei, now)
    client.force_login(mei)
    assert client.post(f"{PAGE}/off", {"current": "wrong"}).status_code == 422
    assert second_factor.is_on(mei)

    assertRedirects(client.post(f"{PAGE}/off", PASSWORD), PAGE)

    assert give_password(Client(), mei).headers["Location"] == "/"
    assert told(mei, now)[-1] == "Your second factor is off"


def test_a_taken_over_session_guesses_the_password_five_times(
    client: Client, mei: User, now: datetime
) -> None:
    client.force_login(mei)
    for _ in range(5):
        client.post(f"{PAGE}/begin", {"current": "wrong"})

    assertContains(client.post(f"{PAGE}/begin", PASSWORD), "Too many", status_code=422)
    assert not SecondFactor.objects.exists()


def test_a_link_to_a_new_password_does_not_go_around_it(
    client: Client, mei: User, now: datetime
) -> None:
    turn_on(mei, now)
    client.post("/forgot-password", {"email": mei.email})
    letter = Letter.objects.get(kind="password_reset")
    link = re.search(r"/set-password/\S+", letters.compose(letter, now).text)
    assert link
    form = client.get(link[0], follow=True)

    response = client.post(
        form.request["PATH_INFO"], {"password": "a fine long phrase"}
    )

    assertRedirects(response, STEP)
    assert not is_in(client)


def test_without_it_staff_get_to_no_page_of_the_back_office(
    client: Client, now: datetime, settings: Settings
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    staff = UserFactory.create(is_staff=True, is_superuser=True)
    give_password(client, staff)

    response = client.get("/admin/", follow=True)

    assert response.redirect_chain[-1] == (PAGE, 302)
    assertContains(response, "The back office asks for a second factor.")
    assert client.get("/admin/accounts/user/").status_code == 302
    client.post(f"{PAGE}/begin", PASSWORD)
    client.post(f"{PAGE}/confirm", {"digits": code_of(staff, now)})
    assert client.get("/admin/").status_code == 200


def test_staff_with_it_sign_in_to_the_back_office(
    client: Client, now: datetime, settings: Settings
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    staff = UserFactory.create(is_staff=True, is_superuser=True)
    turn_on(staff, now)
    data = {"username": staff.email, "password": "correct horse", "next": "/admin/"}
    client.post("/admin/login/?next=/admin/", data)

    response = client.post(STEP, {"code": code_of(staff, now)})

    assertRedirects(response, "/admin/")


def test_a_deploy_without_it_is_warned_of(settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = False
    assert [each.id for each in staff_have_a_second_factor(None)] == ["accounts.W001"]
    settings.STAFF_SECOND_FACTOR = True
    assert staff_have_a_second_factor(None) == []


def test_support_resets_it_with_a_reason_and_the_person_is_told(
    client: Client, mei: User, now: datetime
) -> None:
    turn_on(mei, now)
    other = Client()
    other.force_login(mei)
    clerk = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(clerk)
    at = f"/admin/accounts/user/{mei.pk}/second-factor/"
    assertContains(client.get(at), "Reason, for the audit log")
    assertNotContains(client.get(at), "Shown to the customer")
    assert client.post(at, {"reason": ""}).status_code == 422
    assert second_factor.is_on(mei)

    response = client.post(at, {"reason": "Phone lost, called back."})

    assert response.status_code == 302
    assert not second_factor.is_on(mei)
    assert not is_in(other)
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.target, entry.by) == (
        "Reset second factor", "mei@example.com", clerk,
    )  # fmt: skip
    assert told(mei, now)[-1] == "Your second factor was reset"
    assert client.post(at, {"reason": "Again."}).status_code == 409


def test_nobody_resets_their_own_and_only_superusers_that_of_staff(
    mei: User, now: datetime
) -> None:
    clerk = UserFactory.create(is_staff=True)
    boss = UserFactory.create(is_staff=True, is_superuser=True)
    for user, by in ((boss, clerk), (clerk, clerk), (boss, boss)):
        if not second_factor.is_on(user):
            turn_on(user, now)
        with pytest.raises(second_factor.NotTheirs):
            second_factor.reset(user=user, reason="x", by=by, address=None, now=now)

    second_factor.reset(user=clerk, reason="Lost.", by=boss, address=None, now=now)

    assert not second_factor.is_on(clerk)


def test_secrets_are_encrypted_anew_and_a_lost_key_leaves_the_recovery_codes(
    mei: User, now: datetime, settings: Settings
) -> None:
    (recovery, *_) = turn_on(mei, now)
    old, new = settings.CREDENTIAL_KEYS, Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [new, *old]
    assert second_factor.rotate() == 1
    settings.CREDENTIAL_KEYS = [new]
    second_factor.check(user=mei, typed=code_of(mei, now), now=now)

    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(Refusal, match="Use a recovery code"):
        second_factor.check(user=mei, typed="123456", now=now)
    second_factor.check(user=mei, typed=recovery, now=now)
