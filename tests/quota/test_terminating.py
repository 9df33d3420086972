"""Termination: what goes, what stays, once, and coming back."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, Notice
from accounts.services import opening
from quota.models import (
    Finding,
    FindingGroup,
    Image,
    ImageSource,
    LedgerEntry,
    NameUsage,
    Order,
    QuotaWindow,
    Registry,
    RegistrySync,
    Scan,
    ScanTask,
    Schedule,
    ScheduledRun,
    Selection,
    Sighting,
    Subscription,
    Triage,
    TriageState,
)
from quota.models.selection import Scope
from quota.quotes import Basket
from quota.services import scanning, scheduling, terminating, working
from quota.services.reconciling import reconcile
from quota.services.scanning import ScanRequest
from tests.factories import (
    ALL,
    ImageFactory,
    UserFactory,
    account_with,
    buy,
    finish,
    member_of,
    press,
    renew,
)
from tests.quota.found import decide, scanned, weak
from tests.quota.schedule_acts import saved

pytestmark = pytest.mark.django_db
MOMENT = timedelta(microseconds=1)
BOUGHT = datetime(2026, 1, 15, 14, tzinfo=UTC)
END = datetime(2026, 3, 15, 14, tzinfo=UTC)
GONE = END + timedelta(days=6)
DATA = (Finding, Scan, ScanTask, Sighting, Image)


@pytest.fixture
def account() -> Account:
    account = account_with(now=BOUGHT)
    images = ImageFactory.create_batch(3, account=account)
    source = ImageSource.objects.create(
        account=account, kind="oci-layout", location="/images"
    )
    for image in images:
        Sighting.objects.create(
            account=account,
            image=image,
            source=source,
            name=image.name,
            tag="1.0",
            locator=image.digest,
            seen_at=BOUGHT,
        )
    press(account, images, BOUGHT)
    finish(account, BOUGHT)
    return account


def left() -> list[int]:
    return [model.objects.count() for model in DATA]


def books_are_proved() -> bool:
    return [proof.claim for proof in reconcile() if proof.broken] == []


def first_scans(account: Account, now: datetime) -> tuple[int, int]:
    quoted = scanning.quote(account=account, selection=Selection(Scope.ALL), now=now)
    return quoted.all.firsts, quoted.all.repeats


def press_retry(account: Account, task: ScanTask, now: datetime) -> ScanTask:
    return scanning.reserve(
        account=account,
        request=ScanRequest(Selection(Scope.RETRY, task=task.pk), ALL, "Retry"),
        agreed=None,
        key=uuid4(),
        by=None,
        now=now,
    )


def test_every_table_of_an_account_is_kept_or_deleted() -> None:
    deleted = {each.model._meta.label for each in terminating.DELETED}
    owned = {
        model._meta.label
        for model in apps.get_models()
        if any(
            field.name == "account" and field.related_model is Account
            for field in model._meta.get_fields()
            if field.concrete
        )
    }

    assert not deleted & terminating.KEPT
    assert owned == deleted | terminating.TAKEN_ALONG | terminating.KEPT


def test_it_waits_for_its_instant_and_happens_once(
    account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    member_of(account)
    seen_by_another_worker = Subscription.objects.get()
    entries, orders = LedgerEntry.objects.count(), Order.objects.count()
    before = left()

    assert terminating.terminate_due(now=GONE - MOMENT) == 0
    assert left() == before
    assert terminating.terminate_due(now=GONE) == 1
    with django_assert_num_queries(1):
        assert terminating.terminate_due(now=GONE) == 0
    assert not terminating._terminate(seen_by_another_worker, GONE)

    assert left() == [0] * len(DATA)
    assert (LedgerEntry.objects.count(), Order.objects.count()) == (entries, orders)
    subscription = Subscription.objects.get()
    assert (subscription.terminated_at, subscription.data_deleted_at) == (GONE, GONE)
    told = Notice.objects.filter(kind="terminated")
    assert sorted(told.values_list("channel", flat=True)) == ["email"] * 2 + ["sms"] * 2
    assert {notice.context["ended"] for notice in told} == {"Sun 15 Mar 2026, 14:00"}
    assert books_are_proved()


def test_batches_are_as_good_as_one(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminating, "BATCH", 1)
    Sighting.objects.update(seen_at=GONE)

    assert terminating.terminate_due(now=GONE + MOMENT) == 1

    assert left() == [0] * len(DATA)


def test_a_worker_that_died_half_way_is_carried_on(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = Subscription.objects.get()
    terminating.mark(subscription=subscription, now=GONE)
    terminating._delete_batch(
        terminating.DELETED[0], account.pk, GONE, terminating.LAST
    )
    member_of(account)  # after everyone was told

    assert terminating.terminate_due(now=GONE + timedelta(hours=1)) == 1

    assert left() == [0] * len(DATA)
    assert Notice.objects.filter(kind="terminated").count() == 2


def test_what_was_renewed_is_not_terminated(account: Account) -> None:
    stale = Subscription.objects.get()
    renew(account, END + timedelta(days=5), months=1)

    assert terminating.mark(subscription=stale, now=GONE) is None
    assert not terminating._terminate(stale, GONE)
    assert terminating.terminate_due(now=GONE) == 0
    assert Image.objects.count() == 3


def test_open_scans_are_released_before_deletion(account: Account) -> None:
    images = list(Image.objects.order_by("pk"))
    press(account, images[:1], END - timedelta(hours=2))
    claimed = working.claim(account_id=account.pk, limit=1, now=END - MOMENT)
    assert claimed
    press(account, images[1:], END - timedelta(hours=1))

    terminating.terminate_due(now=GONE)

    assert left() == [0] * len(DATA)
    assert {w.held_tenths for w in QuotaWindow.objects.all()} == {0}
    outcomes = LedgerEntry.objects.filter(kind="release").values_list("outcome")
    assert list(outcomes) == [("expired",)] * 3
    assert books_are_proved()


def test_other_accounts_keep_theirs(account: Account) -> None:
    other = account_with(now=END, slug="other")
    ImageFactory.create(account=other)
    back = account_with(now=BOUGHT, slug="back")
    buy(back, Basket(cores=1, months=1), GONE)
    assert Subscription.objects.get(account=account).terminated_at is None

    terminating.terminate_due(now=GONE)

    assert Image.objects.get().account == other


@pytest.mark.parametrize("job_ran", [False, True])
def test_coming_back_is_a_new_subscription_without_a_past(
    account: Account, *, job_ran: bool
) -> None:
    back = GONE + timedelta(days=2, hours=1)
    if job_ran:
        terminating.terminate_due(now=GONE)

    buy(account, Basket(quantity=300, cores=1, months=1), back)

    old, new = Subscription.objects.order_by("anchor")
    assert (old.terminated_at, new.anchor) == (GONE, back)
    assert Notice.objects.filter(kind="terminated").count() == 2
    if not job_ran:
        assert first_scans(account, back) == (3, 0)
    terminating.terminate_due(now=back)
    assert left() == [0] * len(DATA)
    assert terminating.terminate_due(now=new.ends_at + timedelta(days=6)) == 1
    new.refresh_from_db()
    assert new.terminated_at == new.ends_at + timedelta(days=6)
    assert Notice.objects.filter(kind="terminated").count() == 4
    assert books_are_proved()


def test_an_image_scanned_anew_before_the_job_loses_only_its_past(
    account: Account,
) -> None:
    back = GONE + timedelta(days=2)
    image, unscanned, gone = Image.objects.order_by("pk")
    scanned(account, [gone], [weak("CVE-OLD")], BOUGHT)
    buy(account, Basket(quantity=300, cores=1, months=1), back)
    old = FindingGroup.objects.get(identifier="CVE-OLD")
    decide(account, old, TriageState.ACCEPTED, back)
    decide(account, old, TriageState.OPEN, back, image=gone)
    Sighting.objects.filter(image__in=[image, unscanned]).update(seen_at=back)
    new = ImageFactory.create(account=account, first_seen_at=GONE)
    press(account, [new], back)
    finish(account, back, fails=True)
    for _ in range(3):
        press(account, [image], back)
        finish(account, back)
    image.refresh_from_db()
    result = image.result

    assert terminating.terminate_due(now=back) == 1

    assert list(Image.objects.order_by("pk")) == [image, unscanned, new]
    for each in (image, unscanned, new):
        each.refresh_from_db()
    assert (image.result, image.first_scans, image.repeat_scans) == (result, 1, 2)
    assert (image.outcome, new.outcome) == ("scanned", "failed")
    assert (unscanned.result, unscanned.first_scans) == (None, 0)
    assert (unscanned.outcome, unscanned.high) == ("not_scanned", None)
    assert {each.first_seen_at for each in (image, unscanned, new)} == {GONE}
    assert Scan.objects.count() == 4
    assert Finding.objects.get().scan == result
    assert FindingGroup.objects.get().identifier == "CVE-2026-0000"
    assert not Triage.objects.exists()
    connection.check_constraints()
    assert {each.window.starts_at for each in NameUsage.objects.all()} == {back}
    assert first_scans(account, back + timedelta(minutes=1)) == (2, 1)
    assert books_are_proved()


def test_an_image_scanned_anew_before_the_job_is_listed_once_it_is_seen_again(
    account: Account,
) -> None:
    back = GONE + timedelta(days=2)
    seen, unseen, _ = Image.objects.order_by("pk")
    buy(account, Basket(quantity=300, cores=1, months=1), back)
    Sighting.objects.filter(image=seen).update(seen_at=back)
    press(account, [seen, unseen], back)
    finish(account, back)

    terminating.terminate_due(now=back)

    listed = Image.objects.order_by("pk").values_list("pk", "is_local", "outcome")
    assert list(listed) == [(seen.pk, True, "scanned"), (unseen.pk, False, "scanned")]


def test_a_schedule_that_ran_anew_before_the_job_goes_with_its_runs(
    account: Account,
) -> None:
    back = GONE + timedelta(days=2)
    saved(account, BOUGHT)
    buy(account, Basket(quantity=300, cores=1, months=1), back)
    for now in (back, back + timedelta(days=1)):
        scheduling.queue_due(now=now)
    assert [run.outcome for run in ScheduledRun.objects.order_by("due_at")] == [
        ScheduledRun.Outcome.SKIPPED,
        ScheduledRun.Outcome.SUCCESS,
    ]

    assert terminating.terminate_due(now=back + timedelta(days=1)) == 1

    assert not ScheduledRun.objects.exists()
    assert not Schedule.objects.exists()
    assert ScanTask.objects.get().title == "Daily schedule, local images"
    connection.check_constraints()


def test_a_schedule_that_was_saved_anew_before_the_job_keeps_its_new_runs(
    account: Account,
) -> None:
    back = GONE + timedelta(days=2)
    schedule = saved(account, BOUGHT)
    scheduling.queue_due(now=BOUGHT + timedelta(days=1))
    buy(account, Basket(quantity=300, cores=1, months=1), back)
    saved(account, back, revision=schedule.revision)
    scheduling.queue_due(now=back + timedelta(days=1))

    terminating.terminate_due(now=back + timedelta(days=1))

    assert Schedule.objects.get() == schedule
    assert ScheduledRun.objects.get().due_at > back
    connection.check_constraints()


def test_a_retry_pressed_anew_before_the_job_forgets_what_it_repeats(
    account: Account,
) -> None:
    back = GONE + timedelta(days=2)
    failed = press(account, list(Image.objects.all()), BOUGHT)
    finish(account, BOUGHT, fails=True)
    buy(account, Basket(quantity=300, cores=1, months=1), back)
    of_old = press_retry(account, failed, back)
    finish(account, back, fails=True)
    of_new = press_retry(account, of_old, back)

    assert terminating.terminate_due(now=back) == 1

    tasks = ScanTask.objects.order_by("pk").values_list("pk", "retry_of")
    assert list(tasks) == [(of_old.pk, None), (of_new.pk, of_old.pk)]
    connection.check_constraints()


def test_a_registry_connected_anew_before_the_job_keeps_what_it_brought(
    account: Account,
) -> None:
    back = GONE + timedelta(days=2)
    buy(account, Basket(quantity=300, cores=1, months=1), back)
    image = ImageFactory.create(account=account, first_seen_at=back)
    old, new = (
        Registry.objects.create(account=account, name=name, created_at=connected)
        for name, connected in (("Old", BOUGHT), ("New", back))
    )
    for registry in (old, new):
        mine = {"account": account, "registry": registry}
        RegistrySync.objects.create(requested_at=back, **mine)
        Sighting.objects.create(
            image=image, name="app", tag_digest=image.digest, seen_at=back, **mine
        )

    terminating.terminate_due(now=back + MOMENT)

    assert Registry.objects.get() == new
    assert RegistrySync.objects.get().registry == new
    assert Sighting.objects.get().registry == new
    assert Image.objects.get() == image


def test_only_terminated_accounts_are_no_longer_read(account: Account) -> None:
    new = opening.open_account(
        slug="new", name="New", zone="UTC", currency="USD",
        creator=UserFactory.create(), now=BOUGHT,
    )  # fmt: skip
    assert not terminating.is_terminated(account=new, now=GONE)
    assert not terminating.is_terminated(account=account, now=GONE - MOMENT)
    assert terminating.is_terminated(account=account, now=GONE)
    Subscription.objects.update(anchor=BOUGHT)
    buy(account, Basket(quantity=300, cores=1, months=1), GONE)
    assert not terminating.is_terminated(account=account, now=GONE)
