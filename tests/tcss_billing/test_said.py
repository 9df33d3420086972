"""What could not be done, in words: as a page, in a dialog, and beside what was typed
(ui.md 6.16)."""

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve, reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from tcss_billing.errors import server_error
from tests.factories import account_with, creator_of, member_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(settings: Settings) -> Account:
    settings.ROOT_URLCONF = "tests.broken_urls"
    return account_with(now=timezone.now())


@pytest.fixture
def creator(account: Account) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(creator_of(account))
    return client


def htmx(target: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": target}


WORDS = (
    ("/nothing", 404, "There is nothing at this address"),
    ("/forbidden", 403, "Buying needs a right that you do not have."),
    ("/refused", 409, "This form was already sent with other values."),
    ("/too-many", 429, "Your last action was not carried out."),
    ("/locked", 503, "Busy for a moment"),
    ("/broken", 500, "Nothing was charged. We have been told. Code "),
)


@pytest.mark.parametrize(("path", "status", "words"), WORDS)
def test_each_has_its_words_as_a_page_in_a_dialog_and_as_a_note(
    creator: Client, path: str, status: int, words: str
) -> None:
    page = creator.get(path)
    dialog = creator.get(path, headers=htmx("modal"))
    note = creator.get(path, headers=htmx("rows"))
    pressed = creator.post(path, headers=htmx("modal"))

    assertContains(page, words, status_code=status)
    assertContains(page, '<h1 tabindex="-1" autofocus>', status_code=status)
    assertContains(page, "<aside", status_code=status)
    assertContains(dialog, words, status_code=status)
    assertContains(dialog, 'id="modal-h"', status_code=status)
    for each in (note, pressed):
        assertContains(each, words, status_code=status)
        assertNotContains(each, "<html", status_code=status)
        assert each.headers["HX-Said"] == "note"


def test_a_way_that_an_address_does_not_know_is_said_in_words(creator: Client) -> None:
    opened = creator.get("/pressed")
    dialog = creator.get("/pressed", headers=htmx("modal"))
    sent = creator.delete("/preferences")
    read = creator.head("/pressed")

    assertContains(opened, "press the button on its page", status_code=405)
    assertContains(opened, "<aside", status_code=405)
    assertContains(dialog, 'id="modal-h"', status_code=405)
    assertContains(sent, "This page can only be read.", status_code=405)
    assert opened.headers["Allow"] == "POST"
    assert not read.content


def test_waiting_is_said_to_programs_too(creator: Client) -> None:
    assert int(creator.get("/too-many").headers["Retry-After"]) in {19, 20}
    assert creator.get("/locked").headers["Retry-After"] == "2"


def test_the_code_of_a_fault_is_in_the_log(
    creator: Client, caplog: pytest.LogCaptureFixture
) -> None:
    page = creator.get("/broken").content.decode()

    code = page.split("Code ")[1].split(".")[0]
    assert any(f"Code {code}: GET /broken" in each for each in caplog.messages)


def test_a_payment_that_broke_is_not_pressed_again(account: Account) -> None:
    path = f"/a/{account.slug}/subscription/purchase"

    def broke(**headers: str) -> HttpResponse:
        request = RequestFactory().post(path, headers=headers)
        request.resolver_match = resolve(path)
        return server_error(request)

    for answer in (broke(), broke(**htmx("modal"))):
        assertContains(answer, "Do not pay again.", status_code=500)
        assertNotContains(answer, "Nothing was charged", status_code=500)
    assertContains(broke(), f'href="/a/{account.slug}/orders"', status_code=500)


def test_a_button_leads_back_to_the_page_it_was_pressed_on(creator: Client) -> None:
    here = {"referer": "http://testserver/a/halden-pay/tasks?state=running"}
    elsewhere = {"referer": "http://elsewhere.example/a"}

    assertContains(
        creator.post("/too-many", headers=here),
        'href="/a/halden-pay/tasks?state=running"', status_code=429,
    )  # fmt: skip
    assertNotContains(
        creator.post("/too-many", headers=elsewhere), "elsewhere", status_code=429
    )


def test_a_press_after_the_session_ended_comes_back_to_its_page(
    account: Account, client: Client
) -> None:
    tasks = f"/a/{account.slug}/tasks"

    answer = client.post(
        f"{tasks}/1/stop", headers={"referer": f"http://testserver{tasks}"}
    )

    assert answer.headers["Location"] == f"/sign-in?next={tasks}"


def test_a_member_without_the_right_is_told_who_can_help(account: Account) -> None:
    client = Client()
    client.force_login(member_of(account))

    page = client.get(reverse("quota:balance", args=[account.slug]))

    assertContains(page, f"{creator_of(account)} can help.", status_code=403)
    assertContains(
        page, reverse("accounts:members", args=[account.slug]), status_code=403
    )
