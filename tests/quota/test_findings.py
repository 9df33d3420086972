"""Findings across images: groups and their counts, decisions, pages, exports."""

import csv
import io
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.errors import NotAffected, NoteMissing
from quota.models import Finding, FindingGroup, Image, Scan, Triage, TriageState
from quota.scanners.port import Assessment, Category, Report, Severity
from quota.scanners.port import Finding as Found
from quota.services import ending, grouping, triaging, working
from tests.conftest import as_owner
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    member_of,
    press,
)

pytestmark = pytest.mark.django_db
XSS = "<script>alert('x')</script>"


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3), quantity=30_000)


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator["time_machine.Traveller"]:
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def signed_in(client: Client, account: Account) -> Client:
    client.force_login(creator_of(account))
    return client


def weak(identifier: str = "CVE-1", package: str = "openssl", **more: Any) -> Found:
    given = {
        "severity": Severity.HIGH,
        "title": f"Title of {identifier}",
        "version": "3.0.15",
        "fixed_version": "3.0.17",
        "layer": "2 of 7",
        "source": "test",
        "advice": "Upgrade it.",
        **more,
    }
    return Found(
        Category.VULNERABILITIES, identifier=identifier, package=package, **given
    )


def scanned(
    account: Account,
    images: Sequence[Image],
    findings: Sequence[Found],
    now: datetime,
    assessed: Sequence[Category] = tuple(Category),
) -> None:
    """Scan these images, each with these findings."""
    press(account, list(images), now)
    report = Report(
        tuple(findings),
        tuple(
            Assessment(each, "test 1.0", date(2026, 11, 1), ("all",), (), True)
            for each in assessed
        ),
    )
    while claimed := working.claim(account_id=account.pk, limit=1000, now=now):
        ended = [
            ending.Ended(scan.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=report)
            for scan in claimed.scans
        ]
        ending.end(account_id=account.pk, ended=ended, now=now)


def decide(
    account: Account,
    group: FindingGroup,
    state: TriageState,
    now: datetime,
    image: Image | None = None,
    note: str = "Because.",
) -> Triage:
    return triaging.decide(
        account=account, group=group, image=image, state=state, note=note,
        by=creator_of(account), now=now,
    )  # fmt: skip


def counts(identifier: str = "CVE-1") -> tuple[int, int, str]:
    group = FindingGroup.objects.get(identifier=identifier)
    return group.images, group.open_images, group.state


def url(name: str, account: Account, *more: object) -> str:
    return reverse(f"quota:{name}", args=[account.slug, *more])


def test_a_group_counts_the_images_that_have_it(
    account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(3, account=account)
    # Two places in one image are one image.
    scanned(account, images, [weak(path="a"), weak(path="b"), weak("CVE-2")], now)
    assert counts() == (3, 3, "open")

    scanned(account, images[:2], [weak("CVE-2")], now)
    assert counts() == (1, 1, "open")
    assert counts("CVE-2") == (3, 3, "open")

    scanned(account, images[2:], [], now)
    assert counts()[0] == 0


def test_a_category_that_was_not_assessed_keeps_its_findings_and_counts(
    account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    scanned(account, images, [weak()], now)

    scanned(account, images, [weak("CVE-9")], now, assessed=[Category.TROJANS])

    assert counts() == (2, 2, "open")
    assert not FindingGroup.objects.filter(identifier="CVE-9").exists()
    assert Finding.objects.count() == 2


def test_any_history_of_scans_and_decisions_leaves_exact_counts(
    account: Account, now: datetime
) -> None:
    chance = random.Random(7)  # noqa: S311 -- the same history each time
    images = ImageFactory.create_batch(6, account=account)
    pool = [weak(f"CVE-{n}", path=path) for n in range(4) for path in "ab"]

    for step in range(40):
        when = now + timedelta(minutes=step)
        chosen = chance.sample(images, chance.randint(1, 4))
        scanned(account, chosen, chance.sample(pool, chance.randint(0, 8)), when)
        if step % 3 == 0 and (group := FindingGroup.objects.order_by("?").first()):
            finding = group.findings.order_by("?").first()
            one = finding.image if finding and chance.random() < 0.5 else None
            decide(account, group, chance.choice(list(TriageState)), when, image=one)

        assert grouping.recount(account.pk) == 0
        for finding in Finding.objects.select_related("group"):
            assert finding.state == _newest_that_covers(finding)


def _newest_that_covers(finding: Finding) -> str:
    for decision in Triage.objects.filter(group=finding.group).order_by("-pk"):
        if decision.image_id in {None, finding.image_id}:
            return decision.state
    return "open"


def test_an_image_that_is_gone_is_no_longer_counted_and_counted_again_when_back(
    account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    scanned(account, images, [weak()], now)

    Image.objects.filter(pk=images[0].pk).update(is_local=False)
    grouping.recount(account.pk)
    assert counts() == (1, 1, "open")

    Image.objects.filter(pk=images[0].pk).update(is_local=True)
    grouping.recount(account.pk)
    assert counts() == (2, 2, "open")


def test_a_decision_for_all_is_kept_across_scans_and_covers_new_images(
    account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(3, account=account)
    scanned(account, images[:2], [weak()], now)
    group = FindingGroup.objects.get()
    first_seen = group.first_seen_at

    decide(account, group, TriageState.ACCEPTED, now)
    scanned(account, images, [weak()], now + timedelta(hours=1))

    assert counts() == (3, 0, "accepted")
    assert FindingGroup.objects.get().first_seen_at == first_seen


def test_a_decision_for_one_image_leaves_the_others_open(
    account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    scanned(account, images, [weak()], now)
    group = FindingGroup.objects.get()

    decide(account, group, TriageState.FALSE_POSITIVE, now, image=images[0])
    scanned(account, images, [weak()], now)

    assert counts() == (2, 1, "open")
    decide(account, group, TriageState.FALSE_POSITIVE, now, image=images[1])
    assert counts() == (2, 0, "false_positive")
    decide(account, group, TriageState.OPEN, now, note="")
    assert counts() == (2, 2, "open")
    assert Triage.objects.count() == 3


def test_deciding_the_same_twice_writes_one_decision(
    account: Account, now: datetime
) -> None:
    scanned(account, [ImageFactory.create(account=account)], [weak()], now)
    group = FindingGroup.objects.get()

    first = decide(account, group, TriageState.ACCEPTED, now)
    second = decide(account, group, TriageState.ACCEPTED, now)

    assert first == second
    assert Triage.objects.count() == 1


def test_setting_a_finding_aside_needs_a_reason_and_an_image_that_has_it(
    account: Account, now: datetime
) -> None:
    image, other = ImageFactory.create_batch(2, account=account)
    scanned(account, [image], [weak()], now)
    group = FindingGroup.objects.get()

    with pytest.raises(NoteMissing):
        decide(account, group, TriageState.ACCEPTED, now, note="")
    with pytest.raises(NotAffected):
        decide(account, group, TriageState.ACCEPTED, now, image=other)

    assert not Triage.objects.exists()
    assert counts() == (1, 1, "open")


def test_what_was_decided_is_never_changed_and_goes_only_with_its_finding(
    account: Account, now: datetime
) -> None:
    scanned(account, [ImageFactory.create(account=account)], [weak()], now)
    group = FindingGroup.objects.get()
    decide(account, group, TriageState.ACCEPTED, now)

    for act in (
        lambda: Triage.objects.update(note="Another reason."),
        lambda: connection.cursor().execute("DELETE FROM quota_triage"),
    ):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            act()

    Finding.objects.all().delete()
    FindingGroup.objects.all().delete()
    connection.check_constraints()
    assert not Triage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_not_even_the_owner_changes_a_decision(now: datetime) -> None:
    account = account_with(now=now)
    scanned(account, [ImageFactory.create(account=account)], [weak()], now)
    decide(account, FindingGroup.objects.get(), TriageState.ACCEPTED, now)

    for statement in ("UPDATE quota_triage SET note = 'x'", "DELETE FROM quota_triage"):
        with as_owner() as owner, pytest.raises(psycopg.errors.RaiseException):
            owner.execute(statement)


def test_the_database_says_never(account: Account, now: datetime) -> None:
    scanned(account, [ImageFactory.create(account=account)], [weak()], now)
    group = FindingGroup.objects.get()
    other = account_with(now=now, slug="other")

    def refused(name: str, act: Callable[[], object]) -> None:
        def act_and_check() -> None:
            with transaction.atomic():
                act()
                connection.check_constraints()

        with pytest.raises(IntegrityError, match=name):
            act_and_check()

    groups = FindingGroup.objects.all()
    refused("group_open_in_no_more", lambda: groups.update(open_images=F("images") + 1))
    refused(
        "triage_says_why",
        lambda: Triage.objects.create(
            account=account, group=group, state="accepted", note="",
            by=creator_of(account), decided_at=now,
        ),
    )  # fmt: skip
    refused(
        "triage_group_id_same_account",
        lambda: Triage.objects.create(
            account=other, group=group, state="open", note="",
            by=creator_of(account), decided_at=now,
        ),
    )  # fmt: skip
    group.pk = None
    refused("group_is_one_risk", lambda: group.save(force_insert=True))


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


def everything(now: datetime, account: Account) -> None:
    image = ImageFactory.create(account=account)
    trojan = Found(Category.TROJANS, Severity.CRITICAL, "EICAR", "EICAR in bin/x",
                   path="bin/x", layer="1 of 2", advice="Do not run it.")  # fmt: skip
    secret = Found(Category.SENSITIVE_DATA, Severity.HIGH, "aws-access-key",
                   "AWS access key in line 3", path=".env",
                   evidence="AKIA••••••••")  # fmt: skip
    fixed, unfixed = weak(), weak("CVE-2", "zlib", fixed_version="")
    low = weak("CVE-3", "curl", severity=Severity.LOW)
    scanned(account, [image], [trojan, secret, fixed, unfixed, low], now)
    decide(account, FindingGroup.objects.get(identifier="CVE-3"),
           TriageState.FIXED_ELSEWHERE, now)  # fmt: skip


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


HOSTILE = {
    name: f"{XSS}{name}\x00\u202e\ud800"
    for name in ("title", "version", "fixed_version", "path", "layer", "evidence",
                 "source", "advice")
}  # fmt: skip


@pytest.mark.parametrize("category", list(Category))
def test_hostile_text_in_every_field_is_shown_as_text(
    signed_in: Client, account: Account, now: datetime, category: Category
) -> None:
    image = ImageFactory.create(account=account)
    hostile = Found(
        category, Severity.HIGH, f"{XSS}id\x00", package=f"{XSS}package\x00", **HOSTILE
    )
    scanned(account, [image], [hostile], now)
    group = FindingGroup.objects.get()
    decide(account, group, TriageState.ACCEPTED, now, note=XSS)
    place = {"kind": category.value, "tab": category.value}

    for page in (
        signed_in.get(url("findings", account), place),
        signed_in.get(url("finding", account, group.pk), {"image": image.pk}),
        signed_in.get(url("image", account, "local", image.digest), place),
    ):
        content = page.content.decode()
        assert "<script>alert" not in content
        assert "&lt;script&gt;alert" in content
        assert "\u202e" not in content


def test_a_spreadsheet_takes_no_cell_for_a_formula(
    signed_in: Client, account: Account, now: datetime
) -> None:
    starts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    image = ImageFactory.create(account=account, name="=cmd|' /C calc'!A0")
    scanned(
        account, [image], [weak(f"{s}{n}", title=s) for n, s in enumerate(starts)], now
    )

    response = signed_in.get(url("findings-csv", account))

    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    text = response.getvalue().decode()
    heading, *rows = csv.reader(io.StringIO(text))
    assert heading[:3] == ["kind", "severity", "identifier"]
    assert len(rows) == 6
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in rows for cell in row)


def test_an_export_of_one_image_holds_all_its_kinds(
    signed_in: Client, account: Account, now: datetime
) -> None:
    everything(now, account)
    scanned(account, [ImageFactory.create(account=account)], [weak("CVE-7")], now)
    image = Image.objects.order_by("pk")[0]

    response = signed_in.get(url("findings-json", account), {"image": image.pk})

    rows = json.loads(response.getvalue())
    assert len(rows) == 5
    assert {row["image_id"] for row in rows} == {image.digest}
    assert rows[-1]["triage"] == "Fixed elsewhere"
    assert "AKIA••••••••" in {row["evidence"] for row in rows}
