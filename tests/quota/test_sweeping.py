"""Jobs for all accounts: one that fails for good keeps no other from its turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.db.models import QuerySet

from accounts.models import Account, Notice
from quota import tasks
from quota.models import (
    ImageSource,
    QuotaWindow,
    RefundRequest,
    Registry,
    RegistrySync,
    Scan,
    ScheduledRun,
    StatementSeal,
    Subscription,
    Term,
)
from quota.services import (
    auto_renewal,
    deciding,
    overdue,
    registry_syncs,
    reminding,
    scheduling,
    sealing,
    terminating,
    thresholds,
    windows,
)
from quota.services.sweeping import in_turn
from tests.conftest import as_owner
from tests.factories import ImageFactory, account_with, finish, press
from tests.quota.refunds import approve, ask
from tests.quota.schedule_acts import saved

pytestmark = pytest.mark.django_db(transaction=True)
BOUGHT = datetime(2026, 1, 15, 14, tzinfo=UTC)
END = datetime(2026, 3, 15, 14, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Job:
    """What is to be done for an account, when, into which table, and what shows it."""

    run: Callable[[datetime], object]
    now: datetime
    table: str
    done: Callable[[], QuerySet[Any]]
    prepare: Callable[[Account], object] = lambda account: None


def _half_refunded(account: Account) -> None:
    """An approved refund that waited for a scan, which has ended since."""
    press(account, [ImageFactory.create(account=account)], BOUGHT)
    approve(ask(account, BOUGHT), BOUGHT, holds="wait")
    finish(account, BOUGHT)


def _connected(account: Account) -> None:
    Registry.objects.create(account=account, name="Ours", created_at=BOUGHT)


def _allowed(account: Account) -> None:
    ImageSource.objects.create(account=account, kind="oci-layout", location="/nowhere")


JOBS = {
    "lapse": Job(
        lambda now: windows.lapse_ended(now=now), BOUGHT + 40 * DAY,
        "quota_ledgerentry",
        lambda: QuotaWindow.objects.filter(lapsed_at__isnull=False),
    ),
    "seal": Job(
        lambda now: sealing.seal_closed(clock=lambda: now), BOUGHT + 40 * DAY,
        "quota_statementseal", StatementSeal.objects.all,
        lambda account: windows.lapse_ended(now=BOUGHT + 40 * DAY),
    ),
    "thresholds": Job(
        lambda now: thresholds.sweep(now=now), BOUGHT, "accounts_notice",
        lambda: Notice.objects.filter(kind="quota_80"),
        lambda account: QuotaWindow.objects.update(used_tenths=2_400),
    ),
    "renew": Job(
        lambda now: auto_renewal.sweep(now=now), END, "quota_order",
        lambda: Term.objects.filter(number=2),
        lambda account: auto_renewal.switch(
            account=account, on=True, by=None, now=BOUGHT
        ),
    ),
    "remind": Job(
        lambda now: reminding.remind(now=now), END - 7 * DAY, "accounts_notice",
        lambda: Notice.objects.filter(kind="expiry_reminder"),
    ),
    "terminate": Job(
        lambda now: terminating.terminate_due(now=now), END + 6 * DAY,
        "quota_subscription",
        lambda: Subscription.objects.filter(data_deleted_at__isnull=False),
    ),
    "finish refunds": Job(
        lambda now: deciding.finish_closing(now=now), BOUGHT + DAY, "quota_order",
        lambda: RefundRequest.objects.filter(state="approved"), _half_refunded,
    ),
    "schedules": Job(
        lambda now: scheduling.queue_due(now=now), BOUGHT + DAY, "quota_scheduledrun",
        ScheduledRun.objects.all, lambda account: saved(account, BOUGHT),
    ),
    "overdue": Job(
        lambda now: overdue.sweep(now=now), BOUGHT + DAY, "quota_ledgerentry",
        lambda: Scan.objects.filter(outcome="expired"),
        lambda account: press(account, [ImageFactory.create(account=account)], BOUGHT),
    ),
    "syncs": Job(
        lambda now: registry_syncs.begin_nightly(now=now),
        datetime(2026, 2, 1, 2, 59, tzinfo=UTC), "quota_registrysync",
        RegistrySync.objects.all, _connected,
    ),
    "images": Job(
        lambda now: tasks.update_images.func(0), BOUGHT, "quota_imagesource",
        lambda: ImageSource.objects.filter(read_at__isnull=False), _allowed,
    ),
}  # fmt: skip


@contextmanager
def broken(table: str, account: Account) -> Iterator[None]:
    """Let nothing of the account be written to a table, whoever tries."""
    with as_owner() as owner:
        owner.execute(
            f"""
            CREATE FUNCTION refuse_it() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.account_id = {account.pk} THEN RAISE EXCEPTION 'refused'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse_it BEFORE INSERT OR UPDATE ON {table}
                FOR EACH ROW EXECUTE FUNCTION refuse_it();
            """
        )
    try:
        yield
    finally:
        with as_owner() as owner:
            owner.execute("DROP FUNCTION refuse_it() CASCADE")


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_an_account_that_fails_for_good_stops_no_other_and_the_job_fails(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    first, *others = [account_with(now=BOUGHT, slug=slug) for slug in ("a", "b", "c")]
    for each in (first, *others):
        job.prepare(each)

    def done() -> set[object]:
        return set(job.done().values_list("account", flat=True))

    with time_machine.travel(job.now, tick=False), broken(job.table, first):
        with pytest.raises(ExceptionGroup, match="Some accounts") as raised:
            job.run(job.now)

        assert done() == {each.pk for each in others}
    assert [str(each).split("\n")[0] for each in raised.value.exceptions] == ["refused"]
    assert f"Account {first.pk} failed; the others go on." in caplog.text
    assert "Traceback" in caplog.text
    with time_machine.travel(job.now, tick=False):
        job.run(job.now)
    assert done() == {first.pk, *(each.pk for each in others)}


def test_an_account_that_is_locked_stops_no_other() -> None:
    first, second = (account_with(now=BOUGHT, slug=slug) for slug in ("a", "b"))

    with connection.cursor() as cursor, as_owner() as somebody:
        cursor.execute("SET lock_timeout = '50ms'")
        somebody.execute(
            "SELECT 1 FROM accounts_account WHERE id = %s FOR UPDATE", [first.pk]
        )
        with pytest.raises(ExceptionGroup, match="Some accounts"):
            windows.lapse_ended(now=BOUGHT + 40 * DAY)

    assert QuotaWindow.objects.get(lapsed_at__isnull=False).account == second


def test_without_the_database_nobody_else_is_tried() -> None:
    tried: list[int] = []

    def act(account_id: int) -> int:
        tried.append(account_id)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return 1

    with pytest.raises(ExceptionGroup) as raised:
        in_turn([1, 2], act)

    assert tried == [1]
    assert isinstance(raised.value.exceptions[0], OperationalError)
