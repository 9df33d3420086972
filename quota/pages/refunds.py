"""Asking for a refund and following it, in the customer's words (ui.md 6.13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.urls import reverse

from accounts.errors import Refusal
from accounts.models import Account
from accounts.money import format_money
from quota.errors import AlreadyAsked
from quota.models import Order, OrderLine, RefundRequest
from quota.models.refunds import RefundEvent
from quota.pages.refund_sums import SumRow, sum_rows
from quota.pages.words import Clock, plural
from quota.rules.refunds import Computation, RefundState
from quota.rules.renewal import left_out_words
from quota.rules.units import format_quota

REVIEW_DAYS = "Usually 3 working days"
Act = RefundEvent.Act


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the order that can be asked for."""

    words: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class RefundPreview:
    """What a request would come to. ``refusal`` says why there can be none."""

    heading: str
    paid: str
    choices: Sequence[Choice]
    rows: Sequence[SumRow]
    estimate: str
    effects: Sequence[str]
    meanwhile: str
    understood: str
    refusal: str
    refusal_url: str
    position: int


def preview_words(
    line: OrderLine,
    lines: Sequence[OrderLine],
    computation: Computation,
    refusal: Refusal | None,
    account: Account,
    now: datetime,
) -> RefundPreview:
    """The computation line by line, its effects, and the lines to choose from."""
    clock = Clock(account, now)
    is_pack = line.kind == OrderLine.Kind.PACK
    url = reverse("quota:refund-order", args=[account.slug, line.order.number])
    return RefundPreview(
        heading=f"Order {line.order.label}, {_what(line)}",
        paid=format_money(computation.paid, computation.currency),
        choices=[
            Choice(_what(each), f"{url}?line={each.position}", each == line)
            for each in lines
        ]
        if len(lines) > 1
        else [],
        rows=sum_rows(computation, clock),
        estimate=format_money(computation.refundable, computation.currency),
        effects=_pack_effects(computation) if is_pack else EDITION_EFFECTS,
        meanwhile=MEANWHILE if is_pack else "",
        understood=(
            "I understand that this quota ends."
            if is_pack
            else "I understand that Professional Edition and scanning end."
        ),
        refusal=str(refusal or ""),
        refusal_url=(
            reverse("quota:refund", args=[account.slug, refusal.refund_id])
            if isinstance(refusal, AlreadyAsked)
            else ""
        ),
        position=line.position,
    )


def _what(line: OrderLine) -> str:
    if line.kind == OrderLine.Kind.PACK:
        return f"{line.quantity:,} scans a month"
    return f"Professional Edition for {plural(line.quantity, 'core')}"


EDITION_EFFECTS = (
    "Professional Edition ends at once and nothing can be scanned.",
    "Results are deleted six days later, unless Professional Edition is bought again.",
    "Days that have begun are not paid back; terms that have not begun are, whole.",
)


MEANWHILE = (
    "While the request is open, auto-renewal leaves this purchase out. Withdrawn or not"
    " approved, it is taken up again by the next renewal before its last month ends."
)


def _pack_effects(computation: Computation) -> Sequence[str]:
    open_months = sum(1 for w in computation.windows if w.ends_at > computation.at)
    effects = [
        "This purchase ends at once and"
        f" {format_quota(computation.removed_tenths)} quota in"
        f" {plural(open_months, 'month')} is removed.",
        "Quota of your other purchases stays. Results stay readable.",
    ]
    if computation.held_tenths:
        effects.insert(
            1,
            f"Running scans hold {format_quota(computation.held_tenths)} of it. They"
            " are stopped, or may finish first; what they use is deducted.",
        )
    return effects


@dataclass(frozen=True, slots=True)
class Step:
    """One of the four steps: where the request is on its way."""

    words: str
    detail: str
    css: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """What happened when."""

    when: str
    words: str


@dataclass(frozen=True, slots=True)
class RefundPage:
    """One request as its customer follows it."""

    label: str
    heading: str
    order_url: str
    order: str
    state: str
    tone: str
    outcome: str
    is_open: bool
    steps: Sequence[Step]
    rows: Sequence[SumRow]
    at_request: str
    meanwhile: str
    reason: str
    note: str
    history: Sequence[HistoryRow]
    credit_url: str


TONES = {
    RefundState.APPROVED: "ok",
    RefundState.REJECTED: "bad",
    RefundState.WITHDRAWN: "",
}


def refund_page(
    refund: RefundRequest, today: Computation, account: Account, now: datetime
) -> RefundPage:
    """Every step of a request, what it came to when asked for, and what it would be
    today."""
    clock = Clock(account, now)
    events = list(refund.events.filter(account=account).order_by("pk"))
    return RefundPage(
        label=refund.label,
        heading=f"Refund of {refund.thing}",
        order_url=_order_url(account, refund.order),
        order=refund.order.label,
        state=refund.get_state_display(),
        tone=TONES.get(RefundState(refund.state), "info"),
        outcome=_outcome(refund, account, clock),
        is_open=refund.is_open,
        steps=_steps(refund, events, clock),
        rows=sum_rows(refund.at_request, clock),
        at_request=format_money(refund.estimate, account.currency),
        meanwhile=_meanwhile(refund, today, account),
        reason=refund.get_reason_display(),
        note=refund.note,
        history=[
            HistoryRow(clock.moment(event.created_at), _event_words(event, refund))
            for event in events
        ],
        credit_url=_order_url(account, refund.refund_order),
    )


def _meanwhile(refund: RefundRequest, today: Computation, account: Account) -> str:
    """What may still change the amount of an open request."""
    if not refund.is_open:
        return ""
    estimate = format_money(today.refundable, account.currency)
    if refund.state == RefundState.CLOSING:
        held = format_quota(today.held_tenths)
        return (
            f"Running scans hold {held} of it. What they use is deducted when they end;"
            f" without them it is {estimate}."
        )
    return f"Estimate today {estimate}. You can go on scanning; it falls with use."


def _order_url(account: Account, order: Order | None) -> str:
    return reverse("quota:order", args=[account.slug, order.number]) if order else ""


def _outcome(refund: RefundRequest, account: Account, clock: Clock) -> str:
    amount = format_money(refund.amount or Decimal(0), account.currency)
    ended = clock.day(refund.ended_at) if refund.ended_at else ""
    if refund.state == RefundState.REJECTED:
        return (
            f"Not approved. Reason: {refund.answer} {_left_out(refund, clock)}".strip()
        )
    if refund.state == RefundState.WITHDRAWN:
        changed = _left_out(refund, clock) or "Nothing was changed."
        return f"Withdrawn on {ended}. {changed}"
    if refund.state != RefundState.APPROVED:
        return ""
    if refund.as_computed:
        return f"{amount} was added to your balance on {ended}."
    estimate = format_money(refund.estimate, account.currency)
    return (
        f"{amount} of {estimate} was approved and added to your balance on {ended}."
        f" Reason: {refund.answer}"
    )


def _left_out(refund: RefundRequest, clock: Clock) -> str:
    if (pack := refund.pack) and (end := pack.left_out_until()):
        words = clock.running_moment(end)
        return left_out_words(words, is_over=end <= clock.now)
    return ""


def _steps(
    refund: RefundRequest, events: Sequence[RefundEvent], clock: Clock
) -> Sequence[Step]:
    state = RefundState(refund.state)
    sent = Step("Sent", clock.moment(refund.requested_at), "past")
    if state == RefundState.REQUESTED:
        return [
            sent,
            Step("In review", REVIEW_DAYS, "now"),
            Step("Decision", "", ""),
            Step("Paid to balance", "", ""),
        ]
    review = Step("In review", "", "past")
    if state in {RefundState.REJECTED, RefundState.WITHDRAWN}:
        ended = clock.moment(refund.ended_at) if refund.ended_at else ""
        return [sent, review, Step(refund.get_state_display(), ended, "end now")]
    if state == RefundState.AWAITING_SECOND:
        return [
            sent,
            review,
            Step("Decision", "A second person checks it", "now"),
            Step("Paid to balance", "", ""),
        ]
    decided = clock.moment(refund.approved_at) if refund.approved_at else ""
    paid = "When running scans have ended"
    if state == RefundState.APPROVED:
        paid = clock.moment(refund.ended_at) if refund.ended_at else ""
    return [
        sent,
        review,
        Step("Approved", decided, "past"),
        Step("Paid to balance", paid, "now"),
    ]


def _event_words(event: RefundEvent, refund: RefundRequest) -> str:
    return {
        Act.REQUESTED: f"Sent by {refund.requested_by}",
        Act.ASSIGNED: "Taken on by our team",
        Act.APPROVED: "Approved by our team",
        Act.CONFIRMED: "Confirmed by a second person",
        Act.WAITING: "Waiting for running scans to end",
        Act.PAID: "Paid to your balance",
        Act.REJECTED: "Not approved",
        Act.WITHDRAWN: f"Withdrawn by {refund.ended_by}",
    }[Act(event.act)]
