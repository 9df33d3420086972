"""Local and repository images: two lists of one thing, one charge."""

import re
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import Image, ImageFilter, Kind, LedgerEntry, ScanTask, Scope
from quota.models.selection import Selection
from quota.pages.listed import NAMED, Sort, sorts_of
from tests.addresses import url
from tests.factories import ImageFactory, account_with, finish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
BOTH = tuple(Kind)


def only_in(account: Account, kind: Kind, count: int = 1) -> list[Image]:
    if kind is Kind.LOCAL:
        return ImageFactory.create_batch(count, account=account)
    return ImageFactory.create_batch(
        count, account=account, in_registry=True, is_local=False
    )


def scan(client: Client, account: Account, kind: Kind, image: Image) -> Any:
    at = url("scan-now", account, kind=kind)
    query = {"image": [image.pk]}
    content = client.get(at, query).content.decode()
    names = ("key", "agreed_set", "agreed_cost", "agreed_images")
    shown = {
        name: found[1]
        for name in names
        if (found := re.search(rf'name="{name}" value="([^"]*)"', content))
    }
    chosen = {"scope": "selected", "categories": ["trojans"]}
    return client.post(at, {"key": uuid4(), **query, **shown, **chosen})


@pytest.mark.parametrize("kind", BOTH)
def test_a_list_shows_the_images_of_its_kind_and_no_other(
    signed_in: Client, account: Account, kind: Kind
) -> None:
    images = {each: only_in(account, each)[0] for each in BOTH}
    (other,) = set(BOTH) - {kind}

    page = signed_in.get(url("images", account, kind=kind))

    assertContains(page, f"<h1>{kind.capitalize()} images</h1>")
    assertContains(page, images[kind].digest)
    assertNotContains(page, images[other].digest)


@pytest.mark.parametrize("kind", BOTH)
def test_the_same_header_dialog_and_bar_stand_on_both_lists(
    signed_in: Client, account: Account, kind: Kind
) -> None:
    (image,) = only_in(account, kind)
    query = {"image": [image.pk]}

    page = signed_in.get(url("images", account, kind=kind))
    dialog = signed_in.get(url("scan-now", account, kind=kind), query)
    htmx: Any = {"HTTP_HX_REQUEST": "true"}
    bar = signed_in.get(url("selection", account, kind=kind), query, **htmx)

    assertContains(page, "left of 300")
    assertContains(dialog, f"{kind.capitalize()} images. The price")
    assertContains(dialog, f"All {kind} images")
    assertContains(bar, "1 image selected")
    assertContains(bar, url("scan-now", account, kind=kind))


@pytest.mark.parametrize("kind", BOTH)
def test_ticked_images_of_the_other_list_are_not_scanned(
    signed_in: Client, account: Account, kind: Kind
) -> None:
    (other,) = set(BOTH) - {kind}
    (image,) = only_in(account, other)

    response = scan(signed_in, account, kind, image)

    assertContains(response, "Choose at least one image", status_code=422)
    assert not ScanTask.objects.exists()


def test_an_image_seen_in_both_is_one_image_with_one_charge_and_one_result(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account, in_registry=True)

    for kind in BOTH:
        scan(signed_in, account, kind, image)
        finish(account, now)

    holds = LedgerEntry.objects.filter(kind="hold").order_by("pk")
    assert [hold.reason for hold in holds] == ["first", "repeat"]
    for kind in BOTH:
        page = signed_in.get(url("images", account, kind=kind))
        assertContains(page, "1 high")
        assertContains(
            signed_in.get(url("image", account, image.digest, kind=kind)), "CVE-"
        )


def test_a_task_remembers_the_list_it_was_started_from(
    signed_in: Client, account: Account
) -> None:
    (image,) = only_in(account, Kind.REPOSITORY)

    response = scan(signed_in, account, Kind.REPOSITORY, image)

    task = ScanTask.objects.get()
    assert task.kind == Kind.REPOSITORY
    assert task.title == "Selected repository images"
    assert response.headers["Location"] == url("images", account, kind=Kind.REPOSITORY)
    page = signed_in.get(reverse("quota:task", args=[account.slug, task.pk]))
    assertContains(page, image.repository)
    assertContains(page, url("image", account, image.digest, kind=Kind.REPOSITORY))


def test_the_key_of_one_list_is_refused_on_the_other(
    signed_in: Client, account: Account
) -> None:
    image = ImageFactory.create(account=account, in_registry=True)
    scan(signed_in, account, Kind.LOCAL, image)
    key = ScanTask.objects.get().key

    response = signed_in.post(
        url("scan-now", account, kind=Kind.REPOSITORY),
        {"image": image.pk, "scope": "selected", "categories": ["trojans"],
         "key": key, "agreed_set": "1.1", "agreed_cost": 10, "agreed_images": 1},
    )  # fmt: skip

    assertContains(response, "already sent", status_code=409)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("scope", sorted(set(Scope) - {Scope.RETRY, Scope.AGAIN}))
def test_no_scope_reaches_beyond_its_kind_and_account(
    account: Account, now: datetime, kind: Kind, scope: Scope
) -> None:
    stranger = account_with(now=now, slug="other")
    for each in (account, stranger):
        for of in BOTH:
            only_in(each, of)
    Image.objects.update(containers=1)
    everything = tuple(Image.objects.values_list("pk", flat=True))

    chosen = Selection(scope, ids=everything, filter=ImageFilter(kind), kind=kind)

    found = chosen.images(account.pk, now)
    assert {(image.account_id, image.is_local) for image in found} == {
        (account.pk, kind is Kind.LOCAL)
    }


def test_pages_of_repository_images_follow_each_other(
    signed_in: Client, account: Account
) -> None:
    only_in(account, Kind.REPOSITORY, 120)
    at = url("images", account, kind=Kind.REPOSITORY)
    for sort in sorts_of(Kind.REPOSITORY):
        seen: list[str] = []
        query = f"sort={sort}"
        while query:
            content = signed_in.get(f"{at}?{query}").content.decode()
            seen += re.findall(r'name="image" value="(\d+)"', content)
            more = re.search(r'href="\?([^"]*after=[^"]*)"[^>]*>Next', content)
            query = more[1].replace("&amp;", "&") if more else ""

        assert len(seen) == len(set(seen)) == 120


def test_a_cursor_of_one_list_is_not_known_in_the_other(
    signed_in: Client, account: Account
) -> None:
    ImageFactory.create_batch(51, account=account, in_registry=True)
    first = signed_in.get(url("images", account)).content.decode()
    cursor = re.search(r'href="\?([^"]*after=[^"]*)"[^>]*>Next', first)
    assert cursor

    query = cursor[1].replace("&amp;", "&")
    response = signed_in.get(f"{url('images', account, kind=Kind.REPOSITORY)}?{query}")

    assertContains(response, "not known", status_code=422)


def test_every_sort_of_a_list_is_answered_by_an_index_of_its_own(
    account: Account,
) -> None:
    """Without sorting, whatever the outcome filter: one index scan in order."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    for kind in BOTH:
        for sort in sorts_of(kind):
            mark = "-" if sort.descending else ""
            order = [f"{mark}{sort.column(kind)}", f"{mark}id"]
            for chosen in (ImageFilter(kind), ImageFilter(kind, state="scanned")):
                plan = chosen.images(account.pk).order_by(*order)[:51].explain()
                assert "Index" in plan, plan
                assert "Sort" not in plan, plan


def test_a_sort_that_a_list_does_not_offer_is_its_usual_one(
    signed_in: Client, account: Account
) -> None:
    only_in(account, Kind.REPOSITORY)

    page = signed_in.get(
        url("images", account, kind=Kind.REPOSITORY), {"sort": Sort.CONTAINERS}
    )

    assert page.status_code == 200
    assert page.context["page"].sort is Sort.ACTIVE


def test_a_third_kind_is_no_page(signed_in: Client, account: Account) -> None:
    assert signed_in.get(f"/a/{account.slug}/images/galaxy").status_code == 404
    assert set(NAMED) == set(Kind)
