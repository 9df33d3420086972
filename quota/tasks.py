"""Thin procrastinate tasks over services: a job only wakes somebody to look."""

from django.conf import settings
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from accounts.models import Account
from quota.scanners import Engines
from quota.services import (
    auto_renewal,
    deciding,
    invoicing,
    overdue,
    reconciling,
    registry_reading,
    registry_syncs,
    reminding,
    scheduling,
    sealing,
    sweeping,
    syncing,
    terminating,
    thresholds,
    windows,
    working,
)
from quota.services.advising import StoredAdvisories


def engines() -> Engines:
    """The engines as the settings name them."""
    return Engines(
        advisories=StoredAdvisories(),
        trivy_path=settings.TRIVY_PATH,
        extra_rules=settings.KNOWN_BAD_RULES,
        harbor_url=settings.HARBOR_SCANNER_URL,
        harbor_headers=settings.HARBOR_SCANNER_HEADERS,
        clamd_socket=settings.CLAMD_SOCKET,
    )


@app.task(name="quota.tasks.work", pass_context=True)
def work(context: JobContext, account_id: int) -> None:
    """Scan what the account has queued, until the worker is to stop. A second job finds
    nothing left to claim."""
    known = engines()
    working.work(
        account_id=account_id,
        scanner=known.usable(settings.SCANNER),
        named=known.usable,
        clock=timezone.now,
        stopping=context.should_abort,
    )


@app.periodic(cron="*/15 * * * * *")
@app.task(name="quota.tasks.sweep", queueing_lock="sweep", pass_context=False)
def sweep(timestamp: int) -> None:
    """Requeue or release scans whose time ran out, and wake workers for what waits."""
    overdue.sweep(now=timezone.now())


@app.periodic(cron="*/15 * * * * *")
@app.task(
    name="quota.tasks.finish_refunds",
    queueing_lock="finish_refunds",
    pass_context=False,
)
def finish_refunds(timestamp: int) -> None:
    """Pay the approved refunds that waited for running scans."""
    deciding.finish_closing(now=timezone.now())


@app.task(name="quota.tasks.renew_account")
def renew_account(account_id: int) -> None:
    """Try one account's renewal, now that it was topped up."""
    auto_renewal.attempt_due(account_id=account_id, now=timezone.now())


@app.task(name="quota.tasks.issue_invoices")
def issue_invoices() -> None:
    """Number the orders that have no invoice yet. A second job finds none left."""
    invoicing.issue(now=timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="quota.tasks.sweep_invoices", queueing_lock="invoices", pass_context=False
)
def sweep_invoices(timestamp: int) -> None:
    """Number what a lost job left without an invoice."""
    invoicing.issue(now=timezone.now())


@app.periodic(cron="40 2 * * *")
@app.task(name="quota.tasks.prove_books", queueing_lock="books", pass_context=False)
def prove_books(timestamp: int) -> None:
    """Prove the books of all accounts, nightly."""
    reconciling.prove(clock=timezone.now)


@app.periodic(cron="5 * * * *")
@app.task(name="quota.tasks.lapse", queueing_lock="lapse", pass_context=False)
def lapse(timestamp: int) -> None:
    """Book the windows that are over."""
    windows.lapse_ended(now=timezone.now())


@app.periodic(cron="20 * * * *")
@app.task(name="quota.tasks.seal", queueing_lock="seal", pass_context=False)
def seal(timestamp: int) -> None:
    """Seal the statements of the months that closed."""
    sealing.seal_closed(clock=timezone.now)


@app.periodic(cron="10 * * * *")
@app.task(name="quota.tasks.thresholds", queueing_lock="thresholds", pass_context=False)
def thresholds_reached(timestamp: int) -> None:
    """Tell of quota that is nearly or wholly used where no scan settled since."""
    thresholds.sweep(now=timezone.now())


@app.periodic(cron="*/15 * * * * *")
@app.task(name="quota.tasks.auto_renew", queueing_lock="renewal", pass_context=False)
def auto_renew(timestamp: int) -> None:
    """Try the renewals that are due, and those that a top-up made possible."""
    auto_renewal.sweep(now=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="quota.tasks.remind", queueing_lock="remind", pass_context=False)
def remind(timestamp: int) -> None:
    """Owe the dated notices: expiry reminders and arrears."""
    reminding.remind(now=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="quota.tasks.terminate", queueing_lock="terminate", pass_context=False)
def terminate(timestamp: int) -> None:
    """Terminate what was not renewed, and delete its data."""
    terminating.terminate_due(now=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="quota.tasks.queue_due", queueing_lock="queue_due", pass_context=False)
def queue_due(timestamp: int) -> None:
    """Start the scheduled runs that are due. A second job finds them moved on."""
    scheduling.queue_due(now=timezone.now())


@app.task(name="quota.tasks.sync_registry")
def sync_registry(account_id: int, sync_id: int) -> None:
    """Read a registry on. A second job finds it claimed or ended."""
    registry_reading.work(account_id=account_id, sync_id=sync_id, clock=timezone.now)


@app.periodic(cron="* * * * *")
@app.task(name="quota.tasks.sync_due", queueing_lock="sync_due", pass_context=False)
def sync_due(timestamp: int) -> None:
    """Wake workers for the syncs that nobody reads, and begin the night's."""
    now = timezone.now()
    registry_syncs.wake_waiting(now=now)
    registry_syncs.begin_nightly(now=now)


@app.periodic(cron="30 1 * * *")
@app.task(name="quota.tasks.update_images", queueing_lock="images", pass_context=False)
def update_images(timestamp: int) -> None:
    """Read every account's sources, nightly; not those of terminated accounts."""
    accounts = Account.objects.filter(imagesource__isnull=False).distinct()
    sweeping.in_turn(accounts.values_list("pk", flat=True), _update_images)


def _update_images(account_id: int) -> int:
    now, account = timezone.now(), Account.objects.get(pk=account_id)
    if terminating.is_terminated(account=account, now=now):
        return 0
    return syncing.update_local_images(account=account, now=now).seen
