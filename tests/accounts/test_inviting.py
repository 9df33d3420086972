"""Invitations: by a link in a mail, for one address, once."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.errors import Conflict, Forbidden, NotFound
from accounts.models import Account, Invite, Letter, Member, User
from accounts.services import inviting
from tests.accounts.seats import flags, invited, url
from tests.factories import UserFactory, account_with, creator_of, member_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PASSWORD = "a fine long phrase"


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3))


def test_a_new_person_joins_by_the_link_in_the_mail(
    client: Client, account: Account, now: datetime
) -> None:
    invite = invited(account, "Lena@Example.com", now, financial=True)
    link = reverse("accounts:accept-invite", args=[inviting.invite_token(invite)])

    assertContains(client.get(link), "lena@example.com")
    weak = client.post(link, {"name": "Lena", "password": "12345"})
    assert weak.status_code == 422
    client.post(link, {"name": " Lena\r\n Ortiz ", "password": PASSWORD})

    user = User.objects.get(email="lena@example.com")
    assert (user.name, user.email_verified_at) == ("Lena Ortiz", now)
    assert flags(user) == (False, False, True)
    assert client.get(url("members", account)).status_code == 200
    assert Letter.objects.get().invite == invite


def test_somebody_who_signs_in_already_joins_after_signing_in(
    client: Client, account: Account, now: datetime
) -> None:
    known = UserFactory.create(email="mei@example.com", email_verified_at=None)
    token = inviting.invite_token(invited(account, known.email, now))
    link = reverse("accounts:accept-invite", args=[token])

    assertContains(client.get(link), f"/sign-in?next={link}".replace(":", "%3A"))
    client.force_login(known)
    client.post(link)

    assert flags(known) == (False, False, False)
    known.refresh_from_db()
    assert known.email_verified_at == now


def test_a_link_works_once(client: Client, account: Account, now: datetime) -> None:
    known = UserFactory.create(email="mei@example.com")
    token = inviting.invite_token(invited(account, known.email, now))
    inviting.accept(token=token, user=known, now=now)
    Member.objects.filter(user=known).delete()
    client.force_login(known)

    response = client.post(reverse("accounts:accept-invite", args=[token]))

    assertContains(response, "was used, cancelled or has expired", status_code=409)
    assert not Member.objects.filter(user=known).exists()


def test_a_link_is_for_one_address(
    client: Client, account: Account, now: datetime
) -> None:
    token = inviting.invite_token(invited(account, "lena@example.com", now))
    other = UserFactory.create()
    client.force_login(other)

    response = client.post(reverse("accounts:accept-invite", args=[token]))

    assertContains(response, "is for lena@example.com", status_code=403)
    with pytest.raises(Forbidden):
        inviting.accept(token=token, user=other, now=now)
    assert not Member.objects.filter(user=other).exists()


def test_a_link_expires_and_the_one_sent_again_replaces_it(
    account: Account, now: datetime
) -> None:
    invite = invited(account, "mei@example.com", now)
    old = inviting.invite_token(invite)
    inviting.find(token=old, now=now + inviting.LIFE - timedelta(microseconds=1))
    with pytest.raises(Conflict):
        inviting.find(token=old, now=now + inviting.LIFE)

    again = inviting.send_again(account=account, invite_id=invite.pk, now=now)

    with pytest.raises(Conflict):
        inviting.find(token=old, now=now)
    assert inviting.find(token=inviting.invite_token(again), now=now) == invite


def test_a_cancelled_and_a_forged_link_do_nothing(
    account: Account, now: datetime
) -> None:
    invite = invited(account, "mei@example.com", now)
    token = inviting.invite_token(invite)
    inviting.cancel(account=account, invite_id=invite.pk, now=now)

    with pytest.raises(Conflict):
        inviting.find(token=token, now=now)
    with pytest.raises(NotFound):
        inviting.find(token=token[:-1] + "x", now=now)


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("lena", "Enter a full email address"),
        ("", "Enter a full email address"),
        ("a@b.example\r\nBcc: x@y.example", "Enter a full email address"),
    ],
)
def test_an_address_that_is_none_is_refused(
    client: Client, account: Account, email: str, words: str
) -> None:
    client.force_login(creator_of(account))

    response = client.post(url("invite", account), {"email": email, "role": ""})

    assertContains(response, words, status_code=422)
    assert not Invite.objects.exists()


def test_a_member_and_somebody_invited_are_not_invited_again(
    client: Client, account: Account, now: datetime
) -> None:
    client.force_login(creator_of(account))
    member = member_of(account)
    invited(account, "lena@example.com", now)

    for email, words in (
        (member.email.upper(), "This person is already a member."),
        ("lena@example.com", "This address is invited already."),
    ):
        response = client.post(url("invite", account), {"email": email, "role": ""})
        assertContains(response, words, status_code=422)


def test_one_open_invitation_per_address_is_a_constraint(
    account: Account, now: datetime
) -> None:
    invite = invited(account, "lena@example.com", now)
    invite.pk = None

    with (
        pytest.raises(IntegrityError, match="invite_one_pending"),
        transaction.atomic(),
    ):
        invite.save(force_insert=True)
