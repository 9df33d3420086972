"""*Findings* and one finding: lists, filters, deciding, and who may."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import FindingGroup, Triage, TriageState
from quota.scanners.port import Severity
from tests.addresses import url
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    member_of,
)
from tests.quota.found import decide, everything, scanned, weak

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3), quantity=30_000)


def test_the_list_shows_each_risk_once_with_its_images_and_decision(
    signed_in: Client, account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(3, account=account)
    scanned(account, images, [weak(), weak("CVE-2", severity=Severity.CRITICAL)], now)
    decide(account, FindingGroup.objects.get(identifier="CVE-1"),
           TriageState.ACCEPTED, now, image=images[0])  # fmt: skip

    response = signed_in.get(url("findings", account))

    names = re.findall(r'class="name mono"[^>]*>([^<]+)<', response.content.decode())
    assert names == ["CVE-2", "CVE-1"]
    assertContains(response, "Fixed in 3.0.17")
    assertContains(response, "in 2 of 3")
    assertContains(response, "2 findings")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"CVE-1", "CVE-2", "CVE-3"}),
        ({"kind": "trojans"}, {"EICAR"}),
        ({"kind": "sensitive_data"}, {"AWS access key"}),
        ({"severity": "low"}, {"CVE-3"}),
        ({"fixable": "yes"}, {"CVE-1", "CVE-3"}),
        ({"fixable": "no"}, {"CVE-2"}),
        ({"state": "open"}, {"CVE-1", "CVE-2"}),
        ({"state": "fixed_elsewhere"}, {"CVE-3"}),
        ({"q": "ZLIB"}, {"CVE-2"}),
        ({"q": "title of cve-3"}, {"CVE-3"}),
        ({"q": "no such thing"}, set()),
        ({"severity": "galactic", "kind": "weather"}, {"CVE-1", "CVE-2", "CVE-3"}),
    ],
)
def test_filters_narrow_the_list_and_its_exports_alike(
    signed_in: Client,
    account: Account,
    now: datetime,
    query: dict[str, str],
    names: set[str],
) -> None:
    everything(now, account)

    content = signed_in.get(url("findings", account), query).content.decode()
    exported = signed_in.get(
        url("findings-json", account), {"kind": "vulnerabilities", **query}
    )

    shown = re.findall(r'class="name[^>]*>([^<]+)<', content)
    assert set(shown) == names
    rows = json.loads(exported.getvalue())
    identifiers = {"AWS access key": "aws-access-key"}
    if query.get("kind") != "weather":
        assert {row["identifier"] for row in rows} == {
            identifiers.get(name, name) for name in names
        }


@pytest.mark.parametrize("sort", ["severity", "images", "seen"])
def test_pages_of_findings_follow_each_other_without_gap_or_repeat(
    signed_in: Client, account: Account, now: datetime, sort: str
) -> None:
    image = ImageFactory.create(account=account)
    scanned(account, [image], [weak(f"CVE-{n:03}") for n in range(120)], now)
    seen: list[str] = []
    query = f"sort={sort}"
    while query:
        page = signed_in.get(f"{url('findings', account)}?{query}").content.decode()
        seen += re.findall(r'class="name mono"[^>]*>([^<]+)<', page)
        more = re.search(r'href="\?([^"]*after=[^"]*)"[^>]*>Next', page)
        query = more[1].replace("&amp;", "&") if more else ""

    assert len(seen) == len(set(seen)) == 120


def test_an_unknown_place_in_the_list_is_a_sentence(
    signed_in: Client, account: Account
) -> None:
    response = signed_in.get(url("findings", account), {"after": "bogus"})

    assertContains(response, "not known", status_code=422)


def test_the_number_of_queries_does_not_grow_with_the_findings(
    signed_in: Client,
    account: Account,
    now: datetime,
    django_assert_max_num_queries: Any,
) -> None:
    images = ImageFactory.create_batch(60, account=account)
    scanned(account, images, [weak(f"CVE-{n:03}") for n in range(60)], now)
    group = FindingGroup.objects.all()[0]
    decide(account, group, TriageState.ACCEPTED, now)
    signed_in.get(url("findings", account))

    with django_assert_max_num_queries(10):
        signed_in.get(url("findings", account))
    with django_assert_max_num_queries(10):
        signed_in.get(url("finding", account, group.pk))


def test_a_finding_says_what_to_do_where_and_why(
    signed_in: Client, account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    scanned(account, images, [weak()], now)
    scanned(account, images[:1], [weak(version="3.0.14", layer="1 of 3")], now)
    group = FindingGroup.objects.get()

    response = signed_in.get(url("finding", account, group.pk))

    for words in (
        "Upgrade openssl from 3.0.14 to 3.0.17 or later (1 image).",
        "layer 2 of 7 (1 image)",
        "CVE-1 affects the versions of openssl that were found.",
        str(images[0]),
        "2 images",
    ):
        assertContains(response, words)


def test_affected_images_are_loaded_fifty_at_a_time(
    signed_in: Client, account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(70, account=account)
    scanned(account, images, [weak()], now)
    place = url("finding", account, FindingGroup.objects.get().pk)

    first = signed_in.get(place).content.decode()
    more = re.search(r'href="([^"]*after=[^"]*)"', first)
    assert more
    second = signed_in.get(more[1], HTTP_HX_REQUEST="true").content.decode()

    assert "<html" not in second
    listed = (
        [i for i in images if str(i) in first],
        [i for i in images if str(i) in second],
    )
    assert (len(listed[0]), len(listed[1])) == (50, 20)


def test_a_place_that_was_not_given_out_for_the_finding_is_not_there(
    signed_in: Client, account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(51, account=account)
    scanned(account, images, [weak("CVE-1"), weak("CVE-2")], now)
    mine, other = (
        url("finding", account, group.pk) for group in FindingGroup.objects.all()
    )
    more = re.search(r'href="[^"]*(after=[^"]*)"', signed_in.get(mine).text)
    assert more

    assert signed_in.get(f"{mine}?{more[1]}").status_code == 200
    assert signed_in.get(f"{other}?{more[1]}").status_code == 404
    for after in ("bogus", "1.1", f"{images[0].pk}.1"):
        assert signed_in.get(mine, {"after": after}).status_code == 404


def test_deciding_on_the_page_is_kept_and_told(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    scanned(account, [image], [weak()], now)
    group = FindingGroup.objects.get()
    data = {"state": "accepted", "note": "Not reachable from outside.", "image": ""}

    response = signed_in.post(url("triage", account, group.pk), data)

    assert response.headers["Location"] == url("finding", account, group.pk)
    page = signed_in.get(response.headers["Location"])
    assertContains(page, "Risk accepted")
    assertContains(page, "Not reachable from outside.")
    assertContains(page, str(creator_of(account)))


def test_deciding_in_the_drawer_changes_the_list_behind_it(
    signed_in: Client, account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    scanned(account, images, [weak()], now)
    group = FindingGroup.objects.get()
    data = {"state": "accepted", "note": "Because.", "image": images[0].pk,
            "only": images[0].pk}  # fmt: skip

    response = signed_in.post(
        url("triage", account, group.pk), data, HTTP_HX_REQUEST="true"
    )

    assertContains(response, f'id="decided-{group.pk}" hx-swap-oob="true"')
    assertContains(response, "in 1 of 2")
    assertContains(response, f"Only {images[0]}")
    assertNotContains(response, "<html")


@pytest.mark.parametrize(
    ("bad", "status", "words"),
    [
        ({"state": "galactic"}, 422, "Choose one of the decisions offered."),
        ({"state": ""}, 422, "Choose what you decided."),
        ({"note": ""}, 422, "Say why in a note"),
        ({"note": "x" * 501}, 422, "Keep the note to 500 characters."),
        ({"image": "x"}, 422, "Choose an image that has this finding."),
        ({"image": str(2**70)}, 422, "Choose an image that has this finding."),
        ({"image": "other"}, 422, "Choose an image that has this finding."),
        ({"image": "clean"}, 409, "no longer has this finding"),
    ],
)
def test_a_bad_decision_is_a_sentence_and_changes_nothing(
    signed_in: Client,
    account: Account,
    now: datetime,
    bad: dict[str, str],
    status: int,
    words: str,
) -> None:
    image, clean = ImageFactory.create_batch(2, account=account)
    scanned(account, [image], [weak()], now)
    foreign = ImageFactory.create(account=account_with(now=now, slug="other"))
    named = {"other": str(foreign.pk), "clean": str(clean.pk)}
    data = {"state": "accepted", "note": "Because.", "image": "", **bad}
    data["image"] = named.get(data["image"], data["image"])

    group = FindingGroup.objects.get()
    response = signed_in.post(url("triage", account, group.pk), data)

    assertContains(response, words, status_code=status)
    assert not Triage.objects.exists()


def test_who_may_see_and_who_may_decide(
    client: Client, account: Account, now: datetime
) -> None:
    scanned(account, [ImageFactory.create(account=account)], [weak()], now)
    group = FindingGroup.objects.get()
    pages = [
        url("findings", account),
        url("finding", account, group.pk),
        url("findings-csv", account),
        url("findings-json", account),
    ]
    triage = url("triage", account, group.pk)

    client.force_login(UserFactory.create())
    assert {client.get(page).status_code for page in pages} == {404}
    assert client.post(triage).status_code == 404

    client.force_login(member_of(account))
    assert {client.get(page).status_code for page in pages} == {200}
    assertNotContains(client.get(pages[1]), 'id="decide"')
    assert client.post(triage).status_code == 403

    client.force_login(member_of(account, resource=True))
    assertContains(client.get(pages[1]), 'id="decide"')
    assert client.get(triage).status_code == 405
    assert {client.post(page).status_code for page in pages} == {405}


def test_findings_of_another_account_are_not_there(
    signed_in: Client, account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    scanned(other, [ImageFactory.create(account=other)], [weak("CVE-FOREIGN")], now)
    group = FindingGroup.objects.get()

    assertNotContains(signed_in.get(url("findings", account)), "CVE-FOREIGN")
    assert signed_in.get(url("finding", account, group.pk)).status_code == 404
    assert signed_in.post(url("triage", account, group.pk)).status_code == 404
    exported = signed_in.get(url("findings-csv", account))
    assert b"FOREIGN" not in exported.getvalue()
