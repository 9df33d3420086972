"""One image: its drawer, its neighbours, what each scan cost and why."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import FindingGroup, Image, LedgerEntry, TriageState
from tests.factories import ImageFactory, finish, press
from tests.quota.found import decide, scanned, weak

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def url(account: Account, image: Image) -> str:
    return reverse("quota:image", args=[account.slug, "local", image.digest])


def test_the_button_says_what_the_next_scan_costs(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    assertContains(signed_in.get(url(account, image)), "1 quota")

    press(account, [image], now)
    assertNotContains(signed_in.get(url(account, image)), "quota</span></a>")
    finish(account, now)

    page = signed_in.get(url(account, image))
    assertContains(page, "Scan again")
    assertContains(page, "0.1 quota")


def test_each_scan_says_why_it_was_charged_and_which_entry_books_it(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    press(account, [image], now)
    finish(account, now)
    press(account, [image], now)
    finish(account, now, fails=True)

    page = signed_in.get(url(account, image), {"tab": "history"})

    assertContains(page, "First scan: no earlier result for this image, so 1.")
    assertContains(page, "Ended without a result, so 0.1 was given back.")
    for kind in ("settle", "release"):
        entry = LedgerEntry.objects.get(kind=kind)
        booked = reverse("quota:entry", args=[account.slug, entry.pk])
        assertContains(page, f'href="{booked}"')
        assertContains(signed_in.get(booked), f"{url(account, image)}?tab=history")


def test_previous_and_next_follow_the_list_it_was_opened_from(
    signed_in: Client, account: Account
) -> None:
    names = ("team/a", "team/b", "team/c", "other/z")
    images = {name: ImageFactory.create(account=account, name=name) for name in names}
    listed = signed_in.get(
        reverse("quota:images", args=[account.slug, "local"]),
        {"q": "team", "sort": "name"},
    )
    opened = re.search(
        r'href="([^"]*sha256[^"]*)"[^>]*>team/b<', listed.content.decode()
    )
    assert opened
    place = opened[1].replace("&amp;", "&")

    def beside(address: str, rel: str) -> str:
        content = signed_in.get(address).content.decode()
        found = re.search(rf'rel="{rel}"[^>]*href="([^"]*)"', content)
        return found[1].replace("&amp;", "&") if found else ""

    assert images["team/a"].digest in beside(place, "prev")
    assert images["team/c"].digest in beside(place, "next")
    assert beside(beside(place, "next"), "next") == ""
    assert beside(beside(place, "prev"), "prev") == ""
    assert beside(url(account, images["team/b"]), "next") == ""


def test_findings_are_loaded_twenty_at_a_time_those_with_a_fix_first(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    found = [
        weak(f"CVE-{n:02}", fixed_version="" if n % 2 else "3.1") for n in range(45)
    ]
    scanned(account, [image], found, now)
    seen: list[str] = []
    address: str = url(account, image)
    words = []
    while address:
        content = signed_in.get(address, HTTP_HX_REQUEST="true").content.decode()
        seen += re.findall(r'class="mono">(CVE-\d+)', content)
        more = re.search(r'href="([^"]*after=[^"]*)"[^>]*>([^<]*)<', content)
        address = more[1].replace("&amp;", "&") if more else ""
        words.append(more[2] if more else "")

    assert seen == [f"CVE-{n:02}" for n in [*range(0, 45, 2), *range(1, 45, 2)]]
    assert words == ["Load 20 more of 25", "Load 5 more of 5", ""]


@pytest.mark.parametrize("after", ["x", "1.1.1", "9" * 50, "1.1.²", "..."])
def test_a_place_nobody_gave_out_is_not_there(
    signed_in: Client, account: Account, now: datetime, after: str
) -> None:
    image = ImageFactory.create(account=account)
    scanned(account, [image], [weak()], now)

    assert signed_in.get(url(account, image), {"after": after}).status_code == 404


def test_a_place_in_another_list_is_not_there(
    signed_in: Client, account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    scanned(account, images, [weak(f"CVE-{n}") for n in range(21)], now)
    mine, other = (url(account, image) for image in images)
    more = re.search(r'href="[^"]*(after=[^"]*)"', signed_in.get(mine).text)
    assert more

    assert signed_in.get(f"{mine}?{more[1]}").status_code == 200
    assert signed_in.get(f"{mine}?tab=trojans&{more[1]}").status_code == 404
    assert signed_in.get(f"{other}?{more[1]}").status_code == 404


def test_what_was_decided_shows_on_the_image_with_the_way_to_decide(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    scanned(account, [image], [weak()], now)
    group = FindingGroup.objects.get()
    decide(account, group, TriageState.FALSE_POSITIVE, now)

    page = signed_in.get(url(account, image))

    assertContains(page, "False positive")
    way = reverse("quota:finding", args=[account.slug, group.pk])
    assertContains(page, f"{way}?image={image.pk}")
    assertContains(signed_in.get(f"{way}?image={image.pk}"), f"Only {image}")


def test_its_findings_are_exported_from_its_page(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image, other = ImageFactory.create_batch(2, account=account)
    scanned(account, [image, other], [weak()], now)

    found = re.search(
        r'href="([^"]*export\.csv[^"]*)"',
        signed_in.get(url(account, image)).content.decode(),
    )
    assert found
    exported = signed_in.get(found[1]).getvalue().decode()

    assert len(exported.splitlines()) == 2
    assert image.digest in exported


def test_the_page_asks_few_queries_however_much_was_found(
    signed_in: Client,
    account: Account,
    now: datetime,
    django_assert_max_num_queries: Any,
) -> None:
    image = ImageFactory.create(account=account)
    scanned(account, [image], [weak(f"CVE-{n}") for n in range(60)], now)
    for _ in range(5):
        press(account, [image], now)
        finish(account, now)

    for tab in ("vulnerabilities", "history"):
        query = {"tab": tab, "sort": "active"}
        signed_in.get(url(account, image), query)
        with django_assert_max_num_queries(19):
            signed_in.get(url(account, image), query)
