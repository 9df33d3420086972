"""The first page of the back office: what needs a person today."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Adjustment, Notice, PaymentEvent, TopUp
from quota.models import ReconcileRun, RefundRequest
from quota.pages.refund_desk import age_words
from quota.rules.refunds import LATE, OPEN, RefundState

COUNTED = 100


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of thing that waits: how many, and where."""

    words: str
    count: str
    url: str
    tone: str


@dataclass(frozen=True, slots=True)
class Books:
    """What the last proof of the books found."""

    words: str
    detail: str
    broken: Sequence[str]
    url: str
    tone: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What needs a person today, and whether the books hold."""

    work: Sequence[Work]
    books: Books


def dashboard(now: datetime) -> Dashboard:
    """Each kind of work in one capped count."""
    found = [_work(each, now) for each in KINDS]
    return Dashboard([work for work in found if work], _books(now))


Rows = Callable[[datetime], "QuerySet[Any]"]
# words, where, how it is filtered there, rows, tone
KINDS: tuple[tuple[str, str, str, Rows, str], ...] = (
    (
        "Refund requests that are late",
        "quota_refundrequest",
        "age=late",
        lambda now: RefundRequest.objects.filter(
            state__in=OPEN, requested_at__lt=now - LATE
        ),
        "bad",
    ),
    (
        "Refund requests in review",
        "quota_refundrequest",
        "state=requested",
        lambda now: RefundRequest.objects.filter(state=RefundState.REQUESTED),
        "info",
    ),
    (
        "Refunds awaiting a second person",
        "quota_refundrequest",
        "state=awaiting_second",
        lambda now: RefundRequest.objects.filter(state=RefundState.AWAITING_SECOND),
        "warn",
    ),
    (
        "Adjustments awaiting a second person",
        "accounts_adjustment",
        "state__exact=waiting",
        lambda now: Adjustment.objects.filter(state="waiting"),
        "warn",
    ),
    (
        "Top-ups with a problem",
        "accounts_topup",
        "",
        lambda now: TopUp.objects.exclude(problem=""),
        "bad",
    ),
    (
        "Payment messages without their payment",
        "accounts_paymentevent",
        "handled_at__isempty=1",
        lambda now: PaymentEvent.objects.filter(handled_at=None),
        "warn",
    ),
    (
        "Notices that could not be delivered",
        "accounts_notice",
        "state__exact=failed",
        lambda now: Notice.objects.filter(state="failed"),
        "bad",
    ),
    (
        "Jobs that failed",
        "procrastinate_procrastinatejob",
        "status__exact=failed",
        lambda now: ProcrastinateJob.objects.filter(status="failed"),
        "bad",
    ),
)


def _work(kind: tuple[str, str, str, Rows, str], now: datetime) -> Work | None:
    words, model, query, rows, tone = kind
    count = rows(now).order_by()[: COUNTED + 1].count()
    if not count:
        return None
    url = f"{reverse(f'admin:{model}_changelist')}?{query}"
    shown = f"{COUNTED}+" if count > COUNTED else str(count)
    return Work(words, shown, url, tone)


def _books(now: datetime) -> Books:
    url = reverse("admin:quota_reconcilerun_changelist")
    run = ReconcileRun.objects.order_by("-started_at").first()
    if run is None:
        return Books("The books were not proved yet", "They are nightly.", [], url, "")
    age = f"Proved {age_words(now - run.ended_at)} ago"
    detail = f"{age}: {run.claims} claims held against {run.checked:,} rows"
    if run.broken:
        words = f"{len(run.broken)} claims about the books do not hold"
        return Books(words, detail, list(run.broken), url, "bad")
    return Books("The books hold", detail, [], url, "ok")
