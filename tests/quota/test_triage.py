"""What people decide about findings: for one image or all, kept, never changed."""

from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from accounts.models import Account
from quota.errors import NotAffected, NoteMissing
from quota.models import Finding, FindingGroup, Triage, TriageState
from tests.conftest import as_owner
from tests.factories import (
    ImageFactory,
    account_with,
    creator_of,
)
from tests.quota.found import counts, decide, scanned, weak

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3), quantity=30_000)


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
