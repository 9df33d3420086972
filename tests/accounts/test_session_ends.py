"""How long a session lasts: away too long, signed in too long ago."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertRedirects

from accounts.models import Member
from tests.factories import account_with, creator_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def test_away_for_half_an_hour_one_signs_in_and_is_back_on_the_page(
    client: Client, clock: "time_machine.Traveller", now: datetime
) -> None:
    account = account_with(now=now)
    user = creator_of(account)
    page = reverse("accounts:members", args=[account.slug])
    client.force_login(user)
    client.get(page)
    clock.move_to(now + timedelta(minutes=30))
    assert client.get(page).status_code == 200

    clock.move_to(now + timedelta(minutes=60, seconds=1))
    response = client.get(page, follow=True)

    assertContains(response, "You were signed out after 30 minutes away")
    data = {"username": user.email, "password": "correct horse", "next": page}
    assertRedirects(client.post("/sign-in", data), page)


@pytest.mark.parametrize("is_from_before", [False, True])
def test_twelve_hours_after_signing_in_one_signs_in_again_and_is_back_on_the_page(
    client: Client,
    clock: "time_machine.Traveller",
    now: datetime,
    is_from_before: bool,
) -> None:
    account = account_with(now=now)
    page = reverse("accounts:members", args=[account.slug])
    client.force_login(creator_of(account))
    if is_from_before:  # Nobody noted when it began: it counts from the next request.
        session = client.session
        session["seen"] = int(now.timestamp())
        session.save()
    for minutes in [*range(0, 12 * 60, 20), 12 * 60 - 1]:
        clock.move_to(now + timedelta(minutes=minutes))
        assert client.get(page).status_code == 200

    clock.move_to(now + timedelta(hours=12))
    response = client.get(page, follow=True)

    assertContains(response, "You were signed out after 30 minutes away, or 12 hours")
    assert response.redirect_chain[-1][0] == f"/sign-in?next={page}&ended=1"
    client.force_login(creator_of(account))
    assert client.get(page).status_code == 200


def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(
    client: Client, clock: "time_machine.Traveller", now: datetime
) -> None:
    account = account_with(now=now)
    page = reverse("quota:tasks", args=[account.slug])
    client.force_login(creator_of(account))
    client.get(page)
    poll = {
        "HX-Request": "true",
        "HX-Current-URL": f"http://testserver{page}",
        "X-Poll": "true",
    }
    for minutes in (10, 20, 30):
        clock.move_to(now + timedelta(minutes=minutes))
        assert client.get(page, headers=poll).status_code == 200

    clock.move_to(now + timedelta(minutes=31))
    response = client.get(page, headers=poll)

    assert response.headers["HX-Redirect"] == f"/sign-in?next={page}&ended=1"


def test_being_here_is_written_once_in_five_minutes(
    client: Client, clock: "time_machine.Traveller", now: datetime
) -> None:
    account = account_with(now=now)
    client.force_login(creator_of(account))
    page = reverse("accounts:members", args=[account.slug])

    def seen(minutes: int) -> datetime | None:
        clock.move_to(now + timedelta(minutes=minutes))
        client.get(page)
        return Member.objects.get().last_active_at

    assert seen(0) == seen(4) == now
    assert seen(5) == now + timedelta(minutes=5)
