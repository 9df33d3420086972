"""*Preferences*, *Help*, and the icons that every page draws."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from accounts.templatetags.icons import NAMES, icon
from quota.models import Tariff
from tests.factories import account_with, creator_of

ICON = re.compile(r"""icon[ (]["']([a-z0-9-]+)["']""")


@pytest.fixture
def account() -> Account:
    return account_with(now=timezone.now())


@pytest.fixture
def creator(client: Client, account: Account) -> Client:
    client.force_login(creator_of(account))
    return client


@pytest.mark.django_db
def test_what_is_chosen_is_in_the_first_line_of_every_page(creator: Client) -> None:
    before = creator.get("/preferences")
    saved = creator.post("/preferences", {"theme": "dark"})
    after = creator.get("/a/halden-pay/")
    creator.post("/preferences", {"theme": "", "shortcuts": "1"})
    back = creator.get("/a/halden-pay/")

    assertContains(before, '<html lang="en">')
    assert saved.headers["Location"] == "/preferences"
    assertContains(after, '<html lang="en" data-theme="dark" data-keys="off">')
    assertContains(back, '<html lang="en">')


@pytest.mark.django_db
def test_a_theme_that_there_is_not_is_refused(creator: Client) -> None:
    creator.cookies["theme"] = '"><script>'

    assertContains(creator.get("/preferences"), '<html lang="en">')
    assertContains(
        creator.post("/preferences", {"theme": "pink"}),
        "Choose one of the three.", status_code=422,
    )  # fmt: skip


@pytest.mark.django_db
def test_help_answers_with_the_figures_of_the_tariff(
    creator: Client, account: Account
) -> None:
    page = creator.get("/a/halden-pay/help")
    anywhere = creator.get("/help")
    keys = creator.get("/a/halden-pay/help", headers={"HX-Request": "true"})

    tariff = Tariff.objects.in_force(account.currency, timezone.now())
    assert (tariff.first_tenths, tariff.repeat_tenths) == (10, 1)
    for each in (page, anywhere):
        assertContains(each, "uses 1 quota, every later one 0.1")
        assertContains(each, "at $0.06 for each quota a month")
        assertContains(each, "144 hours after the end")
    assertContains(page, 'href="/a/halden-pay/help" aria-label="Help"')
    assertContains(keys, "Keyboard shortcuts")
    assertNotContains(keys, "<html")


def test_an_icon_that_is_not_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="not among the icons"):
        icon("unicorn")


def test_every_template_draws_icons_that_there_are() -> None:
    files = [
        each
        for folder in ("templates", "accounts", "quota")
        for each in Path(settings.BASE_DIR, folder).rglob("*")
        if each.suffix in {".html", ".jinja", ".py"}
    ]
    drawn = {name for each in files for name in ICON.findall(each.read_text())}

    assert len(drawn) > 20
    assert drawn <= set(NAMES)
