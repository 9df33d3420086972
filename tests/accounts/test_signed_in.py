"""Who is signed in: a session or a person that is gone is nobody."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories import account_with, creator_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    """Somebody with an account."""
    return creator_of(account_with(now=timezone.now()))


def _is_signed_in(client: Client) -> bool:
    return client.get("/a/halden-pay/images/local").status_code == 200


def test_a_session_that_has_run_out_is_nobodys(client: Client, person: User) -> None:
    client.force_login(person)
    assert _is_signed_in(client)

    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))

    assert not _is_signed_in(client)


def test_signing_out_ends_the_session(client: Client, person: User) -> None:
    client.force_login(person)
    stolen = Client()
    stolen.cookies["sessionid"] = client.cookies["sessionid"].value

    client.post("/sign-out")

    assert not _is_signed_in(stolen)
    assert not Session.objects.exists()


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "changed"}])
def test_a_person_put_out_is_signed_out_at_once(
    client: Client, person: User, change: dict[str, object]
) -> None:
    client.force_login(person)
    assert _is_signed_in(client)

    User.objects.filter(pk=person.pk).update(**change)

    assert not _is_signed_in(client)


def test_an_invented_session_is_nobodys(client: Client, person: User) -> None:
    client.cookies["sessionid"] = "0" * 32

    assert not _is_signed_in(client)
