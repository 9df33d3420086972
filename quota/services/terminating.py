"""Termination: what was scanned is deleted, what was paid stays (rules 6)."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, Model, OuterRef, Q

from accounts.models import Account, Notice
from accounts.services import notices
from accounts.services.notices import EMAIL, SMS
from quota.models import (
    Finding,
    FindingGroup,
    Image,
    NameUsage,
    QuotaWindow,
    Registry,
    RegistrySync,
    Scan,
    ScanTask,
    Schedule,
    ScheduledRun,
    Sighting,
    Subscription,
)
from quota.models.sql import run
from quota.rules.dates import moment_words
from quota.rules.lifecycle import DELETION
from quota.services import ending, grouping, sightings
from quota.services.sweeping import in_turn

BATCH = 2_000
# No row has a larger number.
LAST = 2**63 - 1
MESSAGE = "Professional Edition was terminated before the scan ended."


class Deleted(NamedTuple):
    """A table whose rows go, and which of an account's rows are of before a cut."""

    model: type[Model]
    older_than: Callable[[int, datetime], Q]


def dated(model: type[Model], field: str) -> Deleted:
    """A table whose rows say in ``field`` when they were made."""
    return Deleted(model, lambda account_id, cut: Q(**{f"{field}__lt": cut}))


def _of_old_scans(account_id: int, cut: datetime) -> Q:
    old = Scan.objects.filter(account=account_id, held_at__lt=cut)
    return Q(scan__in=old.values("pk"))


def _unseen_since(account_id: int, cut: datetime) -> Q:
    mine = {"account": account_id, "image": OuterRef("pk")}
    return Q(
        ~Exists(Sighting.objects.filter(**mine)),
        ~Exists(Scan.objects.filter(**mine)),
        first_seen_at__lt=cut,
    )


def _of_old_registries(field: str) -> Callable[[int, datetime], Q]:
    """Rows from before the cut, and whatever a registry from before it brought since:
    its credentials go in any case."""

    def older_than(account_id: int, cut: datetime) -> Q:
        old = Registry.objects.filter(account=account_id, created_at__lt=cut)
        return Q(**{f"{field}__lt": cut}) | Q(registry__in=old.values("pk"))

    return older_than


def _of_old_schedules(account_id: int, cut: datetime) -> Q:
    """Runs from before the cut, and those that a schedule from before it had since."""
    old = Schedule.objects.filter(account=account_id, saved_at__lt=cut)
    return Q(due_at__lt=cut) | Q(schedule__in=old.values("pk"))


def _of_old_windows(account_id: int, cut: datetime) -> Q:
    """The ledger stays, the names of its images go. The windows are few, and named one
    by one: of a sub-select the planner expects few names, and reads all in each batch.
    """
    old = QuotaWindow.objects.filter(account=account_id, starts_at__lt=cut)
    return Q(window__in=list(old.values_list("pk", flat=True)))


def _found_nowhere(account_id: int, cut: datetime) -> Q:
    """What was decided about a group goes with it, which the database sees to."""
    found = Finding.objects.filter(account=account_id, group=OuterRef("pk"))
    return Q(~Exists(found), first_seen_at__lt=cut)


# In this order: what points at a row goes before it. A test holds every table of an
# account against this list and the next.
DELETED: tuple[Deleted, ...] = (
    Deleted(Finding, _of_old_scans),
    Deleted(FindingGroup, _found_nowhere),
    dated(Scan, "held_at"),
    Deleted(ScheduledRun, _of_old_schedules),
    dated(Schedule, "saved_at"),
    dated(ScanTask, "requested_at"),
    Deleted(Sighting, _of_old_registries("seen_at")),
    Deleted(RegistrySync, _of_old_registries("requested_at")),
    dated(Registry, "created_at"),
    Deleted(Image, _unseen_since),
    Deleted(NameUsage, _of_old_windows),
)
# What the database deletes with the finding or the image it is about.
TAKEN_ALONG: frozenset[str] = frozenset({"quota.Triage"})
# The books and who kept them; and the places that staff allow an account to read.
KEPT: frozenset[str] = frozenset(
    {
        "accounts.Adjustment",
        "accounts.AuditEntry",
        "accounts.BalanceEntry",
        "accounts.BankTransfer",
        "accounts.BillingDetails",
        "accounts.Invite",
        "accounts.Member",
        "accounts.MemberChange",
        "accounts.Notice",
        "accounts.TopUp",
        "quota.AutoRenewSwitch",
        "quota.ImageSource",
        "quota.Invoice",
        "quota.InvoiceNumber",
        "quota.LedgerBatch",
        "quota.LedgerEntry",
        "quota.Order",
        "quota.OrderLine",
        "quota.QuotaPack",
        "quota.QuotaWindow",
        "quota.RefundEvent",
        "quota.RefundRequest",
        "quota.StatementSeal",
        "quota.Subscription",
        "quota.Term",
        "quota.UsageBin",
    }
)


def is_terminated(*, account: Account, now: datetime) -> bool:
    """Whether the account's last subscription is terminated: nothing of it is kept, so
    nothing is collected either. One that never bought is not."""
    newest = Subscription.objects.filter(account=account).order_by("-anchor").first()
    return newest is not None and newest.ends_at + DELETION <= now


def terminate_due(*, now: datetime) -> int:
    """Terminate what ended six times 24 hours ago, and delete its data in batches.

    Returns how many subscriptions were finished. A worker that dies goes on from where
    it was; a second one finds nothing left.
    """
    due = Subscription.objects.terminated(now).filter(data_deleted_at=None)
    return in_turn(due.order_by("ends_at", "pk"), lambda each: _terminate(each, now))


def _terminate(subscription: Subscription, now: datetime) -> bool:
    marked = mark(subscription=subscription, now=now)
    if marked is None:
        return False
    account_id, cut = subscription.account_id, _cut(marked, now)
    if cut is not None:
        _forget_retried(account_id, cut)
        for deleted in DELETED:
            below: int | None = LAST
            while below is not None:
                below = _delete_batch(deleted, account_id, cut, below)
        _forget_results(account_id, cut)
    finished = Subscription.objects.filter(
        account=account_id, pk=subscription.pk, data_deleted_at=None
    ).update(data_deleted_at=now)
    return bool(finished)


@transaction.atomic
def mark(*, subscription: Subscription, now: datetime) -> Subscription | None:
    """Write a termination down: from here on nothing can renew it. Open scans are
    released and everyone is told, once.

    Re-checks under the account's lock that it was not renewed: then it returns None.
    The job and whoever buys anew both call this.
    """
    account = Account.objects.lock(subscription.account_id)
    found = Subscription.objects.terminated(now).filter(
        account=account, pk=subscription.pk
    )
    marked = found.first()
    if marked is None or marked.terminated_at:
        return marked
    marked.terminated_at = marked.ends_at + DELETION
    found.update(terminated_at=marked.terminated_at)
    if not _was_bought_again(marked):
        old = Scan.objects.filter(held_at__lt=marked.terminated_at)
        ending.release_open(account.pk, old, Scan.Outcome.EXPIRED, MESSAGE, now)
        _tell(account, marked, now)
    return marked


def _was_bought_again(marked: Subscription) -> bool:
    """Whether Professional Edition was bought anew before its data was due to go, as
    it can be after a refund: then the data is kept (rules 8.7)."""
    return Subscription.objects.filter(
        account=marked.account_id,
        anchor__gt=marked.anchor,
        anchor__lt=marked.ends_at + DELETION,
    ).exists()


def _cut(marked: Subscription, now: datetime) -> datetime | None:
    """Before which instant rows go: all there are, or those of before the termination
    where a new subscription has begun; None when they are kept."""
    if _was_bought_again(marked):
        return None
    newer = Subscription.objects.filter(
        account=marked.account_id, anchor__gt=marked.anchor
    )
    return marked.terminated_at if newer.exists() else now


def _tell(account: Account, marked: Subscription, now: datetime) -> None:
    notices.queue(
        account=account,
        kind=Notice.Kind.TERMINATED,
        audience=notices.Audience.EVERYONE,
        subject=f"subscription:{marked.pk}",
        context={"ended": moment_words(marked.ends_at, marked.zone_info)},
        now=now,
        channels=(EMAIL, SMS),
    )


@transaction.atomic
def _forget_retried(account_id: int, cut: datetime) -> None:
    """Tasks of a new subscription stay, without naming an old one that they repeat."""
    Account.objects.lock(account_id)
    ScanTask.objects.filter(
        account=account_id, requested_at__gte=cut, retry_of__requested_at__lt=cut
    ).update(retry_of=None)


@transaction.atomic
def _delete_batch(
    deleted: Deleted, account_id: int, cut: datetime, below: int
) -> int | None:
    """Look at the account's next rows below a number, under its lock, so that no scan
    starts meanwhile, and delete the old ones among them: the newest first, since what
    refers to a row of its own table is younger. Returns below which number to go on.

    Each row is looked at once, however many there are. The range of one account makes
    the planner walk its own rows, where an equality may have it walk everybody's.
    """
    Account.objects.lock(account_id)
    rows = deleted.model._default_manager.filter(pk__lt=below)
    mine = rows.filter(account__gte=account_id, account__lte=account_id)
    ids = list(mine.order_by("-account", "-pk").values_list("pk", flat=True)[:BATCH])
    among = deleted.model._default_manager.filter(account=account_id, pk__in=ids)
    old = among.filter(deleted.older_than(account_id, cut))
    table = connection.ops.quote_name(deleted.model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE account_id = %s AND id = ANY(%s)",  # noqa: S608 -- our own table
            [account_id, list(old.values_list("pk", flat=True))],
        )
    return ids[-1] if ids else None


@transaction.atomic
def _forget_results(account_id: int, cut: datetime) -> None:
    """Images that were seen or scanned again under a new subscription stay, without a
    past: listed where they are seen now."""
    Account.objects.lock(account_id)
    stayed = run(FORGET, {"account": account_id, "cut": cut})
    sightings.describe(account_id, [image_id for (image_id,) in stayed])
    grouping.recount(account_id)


FORGET = """
    UPDATE quota_image i
    SET first_scans = s.firsts, repeat_scans = s.repeats,
        first_seen_at = greatest(i.first_seen_at, %(cut)s),
        outcome = CASE WHEN s.recent THEN i.outcome ELSE 'not_scanned' END,
        outcome_reason = CASE WHEN s.recent THEN i.outcome_reason ELSE '' END,
        scanned_at = CASE WHEN s.recent THEN i.scanned_at END,
        result = CASE WHEN s.recent THEN i.result END,
        critical = CASE WHEN s.recent THEN i.critical END,
        high = CASE WHEN s.recent THEN i.high END,
        medium = CASE WHEN s.recent THEN i.medium END,
        low = CASE WHEN s.recent THEN i.low END,
        unknown = CASE WHEN s.recent THEN i.unknown END,
        trojans = CASE WHEN s.recent THEN i.trojans END,
        sensitive = CASE WHEN s.recent THEN i.sensitive END,
        risk = CASE WHEN s.recent THEN i.risk ELSE -1 END
    FROM (
        SELECT o.id,
               count(*) FILTER (WHERE c.state = 'settled' AND c.reason = 'first')
                   AS firsts,
               count(*) FILTER (WHERE c.state = 'settled' AND c.reason = 'repeat')
                   AS repeats,
               coalesce(bool_or(c.state = 'settled'), false) AS recent
        FROM quota_image o
        LEFT JOIN quota_scan c ON c.account_id = o.account_id AND c.image_id = o.id
        WHERE o.account_id = %(account)s AND o.first_seen_at < %(cut)s
        GROUP BY o.id
    ) s
    WHERE i.account_id = %(account)s AND i.id = s.id
    RETURNING i.id
"""
