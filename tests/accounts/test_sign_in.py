"""Signing in and out."""

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertRedirects

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_a_person_signs_in_by_email_whatever_its_case(client: Client) -> None:
    UserFactory.create(email="mei@example.com")

    response = client.post(
        "/sign-in", {"username": "Mei@Example.com", "password": "correct horse"}
    )

    assertRedirects(response, "/", fetch_redirect_response=False)


@pytest.mark.parametrize("email", ["mei@example.com", "nobody@example.com"])
def test_a_refusal_does_not_say_whether_the_email_exists(
    client: Client, email: str
) -> None:
    UserFactory.create(email="mei@example.com")

    response = client.post("/sign-in", {"username": email, "password": "wrong"})

    assertContains(response, "Email or password is wrong.", status_code=422)
    assertContains(response, email, status_code=422)


def test_signing_in_returns_only_to_our_own_pages(client: Client) -> None:
    UserFactory.create(email="mei@example.com")
    good = {"username": "mei@example.com", "password": "correct horse"}

    response = client.post("/sign-in", {**good, "next": "https://evil.example/"})

    assertRedirects(response, "/", fetch_redirect_response=False)


def test_signing_out_is_a_post(client: Client) -> None:
    client.force_login(UserFactory.create())

    assert client.get("/sign-out").status_code == 405
    assertRedirects(client.post("/sign-out"), "/sign-in")


def test_the_start_page_of_somebody_without_an_account(client: Client) -> None:
    assertRedirects(client.get("/"), "/sign-in")
    client.force_login(UserFactory.create())
    assertContains(client.get("/"), "No account yet")
