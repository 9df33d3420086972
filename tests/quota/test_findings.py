"""Findings across images: groups and their counts, whatever is scanned and decided."""

import random
from datetime import datetime, timedelta

import pytest
from django.db import connection

from accounts.models import Account
from quota.models import Finding, FindingGroup, Image, Triage, TriageState
from quota.scanners.port import Category
from quota.services import grouping
from quota.services.reconciling import reconcile
from tests.factories import (
    ImageFactory,
    account_with,
)
from tests.quota.found import counts, decide, scanned, weak

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3), quantity=30_000)


def _newest_that_covers(finding: Finding) -> str:
    for decision in Triage.objects.filter(group=finding.group).order_by("-pk"):
        if decision.image_id in {None, finding.image_id}:
            return decision.state
    return "open"


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


@pytest.mark.parametrize(
    ("fault", "claim"),
    [
        ("UPDATE quota_findinggroup SET images = images + 1",
         "images counted on a finding are those seen now that have it"),
        ("UPDATE quota_findinggroup SET open_images = 1",
         "images counted on a finding are those seen now that have it"),
        ("UPDATE quota_finding SET state = 'accepted'"
         " WHERE id = (SELECT max(id) FROM quota_finding)",
         "a finding stands as the newest decision that covers its image says"),
    ],
)  # fmt: skip
def test_reconcile_sees_a_count_or_a_state_that_nothing_explains(
    account: Account, now: datetime, fault: str, claim: str
) -> None:
    images = ImageFactory.create_batch(3, account=account)
    scanned(account, images, [weak()], now)
    state = TriageState.FALSE_POSITIVE
    decide(account, FindingGroup.objects.get(), state, now, image=images[0])
    assert [proof for proof in reconcile() if proof.broken] == []

    with connection.cursor() as cursor:
        cursor.execute(fault)

    assert claim in {proof.claim for proof in reconcile() if proof.broken}
