"""*Registries* and *Repository images* through HTTP: rights, refusals, fragments."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import Image, Kind, Registry, RegistrySync, Sighting
from quota.services import registries, registry_syncs
from quota.services.registries import Details
from tests.addresses import url
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    member_of,
)
from tests.registries import hostile as bad
from tests.registries.acts import connect, sync

pytestmark = pytest.mark.django_db
PAGES = ("registries", "connect-registry", "registry-notes")


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator["time_machine.Traveller"]:
    with (
        time_machine.travel(now, tick=False) as traveller,
        override_settings(REGISTRIES_MAY_BE_PRIVATE=True),
    ):
        yield traveller


def images_url(account: Account) -> str:
    return url("images", account, kind=Kind.REPOSITORY)


def filled(**changes: object) -> dict[str, object]:
    right = {
        "name": "registry-eu", "type": "harbor", "address": "registry.invalid",
        "username": "reader", "password": "s3cret-pass", "verify_certificate": "1",
    }  # fmt: skip
    return {**right, **changes}


def seen(registry: Registry, now: datetime, name: str, tag: str, **more: Any) -> Image:
    image = ImageFactory.create(
        account=registry.account, name=name, in_registry=True, is_local=False
    )
    Sighting.objects.create(
        account=registry.account, registry=registry, image=image, name=name, tag=tag,
        namespace=name.split("/")[0], locator="sha256:" + "0" * 64,
        tag_digest="sha256:" + "0" * 64, seen_at=now, **more,
    )  # fmt: skip
    return image


@pytest.mark.parametrize("name", PAGES)
def test_who_may_see_registries(client: Client, account: Account, name: str) -> None:
    def status(user: Any) -> int:
        client.force_login(user)
        return client.get(
            url(name, account), headers={"HX-Request": "true"}
        ).status_code

    assert status(creator_of(account)) == 200
    assert status(member_of(account, resource=True)) == 200
    assert status(UserFactory.create()) == 404
    may = 403 if name == "connect-registry" else 200
    assert status(member_of(account, financial=True)) == may


@pytest.mark.parametrize("name", ["check-registry", "sync-registries"])
def test_acts_want_a_post_and_the_right(
    client: Client, account: Account, now: datetime, name: str
) -> None:
    registry = connect(account, "https://r.invalid", now)
    at = url(name, account, *([registry.pk] if name == "check-registry" else []))
    client.force_login(creator_of(account))
    assert client.get(at).status_code == 405

    client.force_login(member_of(account))
    assert client.post(at).status_code == 403
    assert not RegistrySync.objects.exists()


def test_a_registry_of_another_account_is_not_there(
    signed_in: Client, account: Account, now: datetime
) -> None:
    other = connect(account_with(now=now, slug="other"), "https://r.invalid", now)

    for name in ("registry", "check-registry", "remove-registry"):
        assert signed_in.post(url(name, account, other.pk)).status_code == 404
    signed_in.post(url("sync-registries", account), {"registry": other.pk})

    assert Registry.objects.get() == other
    assert not RegistrySync.objects.exists()


def test_connecting_checks_and_says_what_is_wrong(
    signed_in: Client, account: Account
) -> None:
    response = signed_in.post(url("connect-registry", account), filled(), follow=True)

    assertContains(response, "The name registry.invalid is not known.")
    assertContains(response, "Check the address for typing errors.")
    assert Registry.objects.get().address == "https://registry.invalid"


def test_connecting_a_registry_that_answers(
    signed_in: Client, account: Account, hostile: bad.Registry
) -> None:
    hostile.holds()
    response = signed_in.post(
        url("connect-registry", account), filled(address=hostile.address), follow=True
    )

    assertContains(response, "registry-eu answers and lets us in.")
    assertContains(response, "Connected")


def test_no_page_ever_shows_a_password(signed_in: Client, account: Account) -> None:
    refused = signed_in.post(url("connect-registry", account), filled(name=""))
    signed_in.post(url("connect-registry", account), filled())
    registry = Registry.objects.get()
    pages = [
        refused,
        signed_in.get(url("registries", account)),
        signed_in.get(url("registry", account, registry.pk)),
        signed_in.get(images_url(account)),
    ]

    assert refused.status_code == 422
    for page in pages:
        assert b"s3cret-pass" not in page.content
        assert registry.password.token.encode() not in page.content


def test_the_admin_shows_registries_without_their_passwords(
    client: Client, account: Account, now: datetime
) -> None:
    registry = connect(account, "https://r.invalid", now, username="u", password="pw-1")
    staff = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(staff)

    listed = client.get(reverse("admin:quota_registry_changelist"))
    shown = client.get(reverse("admin:quota_registry_change", args=[registry.pk]))

    assertContains(listed, "registry-eu")
    assertContains(shown, "r.invalid")
    for page in (listed, shown):
        assertNotContains(page, "pw-1")
        assertNotContains(page, registry.password.token)


@pytest.mark.parametrize(
    ("bad_field", "words"),
    [
        ({"name": ""}, "Give the registry a name."),
        ({"type": "fax"}, "Choose a type."),
        ({"address": ""}, "address"),
        ({"address": "ftp://x"}, "Enter an address"),
        ({"address": "https://me:pw@host"}, "in their own fields"),
        ({"address": "https://host/?a=b"}, "without a query"),
        ({"username": ""}, "Enter the user"),
        ({"pull_limit": "0"}, "pulls an hour"),
        ({"pull_limit": "many"}, "pulls an hour"),
        ({"only": "Team/../x"}, "is no repository"),
        ({"only": "\n".join(f"team/a{n}" for n in range(501))}, "at most 500"),
        ({"ca_certificate": "nonsense"}, "cannot be read"),
        ({"scanner": "guess"}, "Select a valid choice"),
    ],
)
def test_bad_input_is_a_sentence_beside_its_field(
    signed_in: Client, account: Account, bad_field: dict[str, object], words: str
) -> None:
    response = signed_in.post(url("connect-registry", account), filled(**bad_field))

    assertContains(response, words, status_code=422)
    assert not Registry.objects.exists()


def test_changing_the_address_asks_for_the_password_again(
    signed_in: Client, account: Account, now: datetime
) -> None:
    registry = connect(
        account, "https://r.invalid", now, username="reader", password="s3cret"
    )
    at = url("registry", account, registry.pk)

    moved = filled(address="https://evil.invalid", password="")
    assertContains(signed_in.post(at, moved), "password again", status_code=422)

    registry.refresh_from_db()
    assert registry.address == "https://r.invalid"


def test_syncing_twice_reads_once(
    signed_in: Client, account: Account, now: datetime
) -> None:
    connect(account, "https://r.invalid", now)

    first = signed_in.post(url("sync-registries", account), follow=True)
    second = signed_in.post(url("sync-registries", account), follow=True)

    assertContains(first, "Reading 1 registry.")
    assertContains(first, "Starts in a moment")
    assertContains(second, "being read already")
    assert RegistrySync.objects.count() == 1


def test_progress_is_shown_while_a_registry_is_read(
    signed_in: Client, account: Account, now: datetime
) -> None:
    registry = connect(account, "https://r.invalid", now)
    registry_syncs.request(
        account=account, registries=[registry], is_full=False, by=None, now=now
    )
    RegistrySync.objects.update(
        began_at=now, repositories=1_240, total=10_000, tags=3_720
    )

    for at in (url("registries", account), images_url(account)):
        page = signed_in.get(at)
        assertContains(page, "1,240 of 10,000 repositories, 3,720 tags")
        assertContains(page, 'hx-trigger="every 3s"')
    htmx: Any = {"HTTP_HX_REQUEST": "true"}
    poll = signed_in.get(url("registries", account), **htmx)
    assert b"<html" not in poll.content


def test_an_error_and_the_last_sync_stand_on_the_page_of_images(
    signed_in: Client, account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds()
    registry = connect(account, hostile.address, now)
    sync(registry, now)
    hostile.answers["/v2/"] = hostile.answers["/v2/_catalog"] = bad.status(401)
    sync(registry, now + timedelta(minutes=5))

    page = signed_in.get(images_url(account))

    assertContains(page, "registry-eu has not answered since today, 09:05.")
    assertContains(page, "The registry asks for a login.")
    assertContains(page, "Check connection")
    assertContains(page, "Last synced today, 09:00.")
    assertContains(page, "registry-eu<small>Docker registry</small>")


def test_removing_a_registry_says_what_stays(
    signed_in: Client, account: Account, now: datetime
) -> None:
    registry = connect(account, "https://r.invalid", now)
    image = seen(registry, now, "team/app", "1.0")
    at = url("remove-registry", account, registry.pk)

    assertContains(signed_in.get(at), "Results and scan history stay")
    removed = signed_in.post(at, follow=True)
    again = signed_in.post(at)

    assertContains(removed, "registry-eu is removed. 1 image left the list.")
    assert again.status_code == 404
    image.refresh_from_db()
    assert not image.is_repository


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"data/a", "data/b", "web/c"}),
        ({"type": "harbor"}, {"web/c"}),
        ({"namespace": "data"}, {"data/a", "data/b"}),
        ({"tag": "2.0"}, {"data/b"}),
        ({"latest": "1"}, {"data/b"}),
        ({"namespace": "data", "tag": "1.0"}, {"data/a"}),
        ({"registry": "x"}, {"data/a", "data/b", "web/c"}),
        ({"q": "data/"}, {"data/a", "data/b"}),
        ({"q": "data/", "tag": "2.0"}, {"data/b"}),
    ],
)
def test_the_filters_of_repository_images(
    signed_in: Client,
    account: Account,
    now: datetime,
    query: dict[str, str],
    names: set[str],
) -> None:
    eu = connect(account, "https://r.invalid", now)
    us = registries.connect(
        account=account,
        details=Details(name="us", type="harbor", address="https://us.invalid"),
        password="",
        by=None,
        now=now,
    )
    seen(eu, now, "data/a", "1.0")
    seen(eu, now, "data/b", "2.0", is_latest=True)
    seen(us, now, "web/c", "1.0")

    page = signed_in.get(images_url(account), query)
    one = signed_in.get(images_url(account), {"registry": us.pk})

    assert {row.name for row in page.context["page"].rows} == names
    assert {row.name for row in one.context["page"].rows} == {"web/c"}


def test_a_filter_travels_into_the_bar_and_the_dialog(
    signed_in: Client, account: Account, now: datetime
) -> None:
    registry = connect(account, "https://r.invalid", now)
    seen(registry, now, "data/a", "1.0")
    seen(registry, now, "web/b", "1.0")
    query = {"scope": "matching", "namespace": "data"}

    htmx: Any = {"HTTP_HX_REQUEST": "true"}
    bar = signed_in.get(url("selection", account, kind=Kind.REPOSITORY), query, **htmx)
    dialog = signed_in.get(url("scan-now", account, kind=Kind.REPOSITORY), query)

    assertContains(bar, "1 image selected")
    assertContains(bar, "namespace=data")
    assertContains(dialog, '<input type="hidden" name="namespace" value="data">')


def test_the_page_asks_two_queries_more_than_the_local_one_whatever_it_shows(
    signed_in: Client, account: Account, now: datetime
) -> None:
    def asked(at: str) -> int:
        signed_in.get(at)
        with CaptureQueriesContext(connection) as captured:
            signed_in.get(at)
        return len(captured)

    ImageFactory.create_batch(60, account=account)
    of_local = asked(url("images", account))
    for number in range(5):
        registry = connect(account, "https://r.invalid", now, name=f"r{number}")
        for image in range(12):
            seen(registry, now, f"team/app-{image}", f"{number}.0")

    assert asked(images_url(account)) <= of_local + 2


def test_what_customers_and_registries_wrote_is_escaped(
    signed_in: Client, account: Account, now: datetime
) -> None:
    registry = connect(account, "https://r.invalid", now, name="<b>eu</b>")
    seen(registry, now, "team/app", "1.0")
    Sighting.objects.update(namespace="<i>")

    for at in (images_url(account), url("registries", account)):
        page = signed_in.get(at)
        assertContains(page, "&lt;b&gt;eu&lt;/b&gt;")
        assertNotContains(page, "<b>eu</b>")
        assertNotContains(page, "<i>")
