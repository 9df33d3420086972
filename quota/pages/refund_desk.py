"""One refund request as staff decide it: then and now, effects, history (ui.md 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.urls import reverse

from accounts.models import User
from accounts.money import format_exact, format_money
from quota.models import RefundRequest
from quota.models.refunds import RefundEvent
from quota.pages.refund_sums import sum_rows
from quota.pages.words import Clock, plural
from quota.rules.refunds import LATE, Computation, RefundState
from quota.rules.units import format_quota

EMPTY = "–"


@dataclass(frozen=True, slots=True)
class DeskRow:
    """One line of the computation, at request beside now."""

    words: str
    detail: str
    then: str
    now: str
    differs: bool
    entries_url: str


@dataclass(frozen=True, slots=True)
class DeskEvent:
    """One step of the history."""

    when: str
    who: str
    words: str
    move: str
    address: str


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything one person needs to decide."""

    label: str
    account: str
    account_url: str
    order: str
    order_url: str
    thing: str
    state: str
    tone: str
    age: str
    is_late: bool
    why: str
    note: str
    asked_by: str
    frozen_at: str
    rows: Sequence[DeskRow]
    then: str
    now: str
    differs: bool
    now_value: Decimal
    most: str
    lapsed: str
    is_over: bool
    effects: Sequence[str]
    held: str
    assigned_to: str
    is_mine: bool
    is_open: bool
    can_approve: bool
    can_confirm: bool
    approved: str
    outcome: str
    history: Sequence[DeskEvent]
    entries_url: str
    csv_url: str


def desk(refund: RefundRequest, today: Computation, by: User, now: datetime) -> Desk:
    """The request with what it came to when asked for beside what it comes to now."""
    account = refund.account
    clock = Clock(account, now)
    money = account.currency
    entries = reverse("admin:quota_ledgerentry_changelist")
    scope = f"?pack={refund.pack_id}"
    state = RefundState(refund.state)
    return Desk(
        label=refund.label,
        account=str(account),
        account_url=reverse("admin:accounts_account_change", args=[account.pk]),
        order=refund.order.label,
        order_url=reverse("admin:quota_order_change", args=[refund.order_id]),
        thing=refund.thing,
        state=refund.get_state_display(),
        tone=TONES[state],
        age=age_words(now - refund.requested_at),
        is_late=is_late(refund, now),
        why=refund.get_reason_display(),
        note=refund.note,
        asked_by=str(refund.requested_by),
        frozen_at=clock.moment(refund.requested_at),
        rows=_rows(refund.at_request, today, clock, entries),
        then=format_money(refund.estimate, money),
        now=format_money(today.refundable, money),
        differs=refund.estimate != today.refundable,
        now_value=today.refundable,
        most=format_money(today.most, money),
        lapsed=format_exact(today.lapsed_value, money),
        is_over=today.is_over,
        effects=_effects(refund, today, clock),
        held=format_quota(today.held_tenths) if today.held_tenths else "",
        assigned_to=str(refund.assigned_to or EMPTY),
        is_mine=refund.assigned_to_id == by.pk,
        is_open=refund.is_open,
        can_approve=state == RefundState.REQUESTED
        and by.has_perm("quota.process_refund"),
        can_confirm=state == RefundState.AWAITING_SECOND
        and refund.approved_by_id != by.pk
        and by.has_perm("quota.confirm_large_refund"),
        approved=_approved(refund),
        outcome=_outcome(refund, clock),
        history=[_event(e, clock, money) for e in _events(refund)],
        entries_url=f"{entries}{scope}" if refund.pack_id else "",
        csv_url=(
            reverse("admin:quota_refundrequest_entries", args=[refund.pk])
            if refund.pack_id
            else ""
        ),
    )


TONES = {
    RefundState.REQUESTED: "info",
    RefundState.AWAITING_SECOND: "warn",
    RefundState.CLOSING: "warn",
    RefundState.APPROVED: "ok",
    RefundState.REJECTED: "bad",
    RefundState.WITHDRAWN: "",
}


def is_late(refund: RefundRequest, now: datetime) -> bool:
    """Whether an open request has waited longer than customers are told."""
    return refund.is_open and now - refund.requested_at > LATE


def age_words(age: timedelta) -> str:
    """``3 h``, ``4 days``."""
    hours = int(age.total_seconds()) // 3600
    if hours < 1:
        return "under 1 h"
    return f"{hours} h" if hours < 48 else plural(hours // 24, "day")


def _rows(
    then: Computation, today: Computation, clock: Clock, entries: str
) -> Sequence[DeskRow]:
    """Pair the lines by what they are about; one that is new has an empty *then*."""
    before = {row.name: row for row in sum_rows(then, clock)}
    after = {row.name: row for row in sum_rows(today, clock)}
    rows = []
    for name in dict.fromkeys([*after, *before]):
        row = after.get(name) or before[name]
        old = before[name].amount if name in before else EMPTY
        new = after[name].amount if name in after else EMPTY
        url = f"{entries}?window={row.window_id}" if row.window_id else ""
        rows.append(DeskRow(row.words, row.detail, old, new, old != new, url))
    return rows


def _effects(refund: RefundRequest, today: Computation, clock: Clock) -> Sequence[str]:
    account = refund.account
    amount = refund.amount or today.refundable
    after = account.balance - account.debt + amount
    balance = (
        f"Balance {format_money(account.balance, account.currency)} →"
        f" {format_money(max(after, Decimal(0)), account.currency)}"
    )
    if not refund.pack_id:
        return [
            "Professional Edition ends at the instant of approval",
            "Results are deleted six days later unless it is bought again",
            balance,
        ]
    closed = sum(1 for window in today.windows if window.ends_at > today.at)
    effects = [
        f"{refund.thing.capitalize()} closes at once: {plural(closed, 'month')},"
        f" {format_quota(today.removed_tenths)} quota removed",
        balance,
    ]
    if today.held_tenths:
        effects.insert(
            1, f"Scans in flight hold {format_quota(today.held_tenths)} quota of it"
        )
    return effects


def _approved(refund: RefundRequest) -> str:
    if not refund.amount or not refund.is_open:
        return ""
    amount = format_money(refund.amount, refund.account.currency)
    return f"{amount}, approved by {refund.approved_by}"


def _outcome(refund: RefundRequest, clock: Clock) -> str:
    if refund.is_open or not refund.ended_at:
        return ""
    words = f"{refund.get_state_display()} {clock.moment(refund.ended_at)}"
    if refund.state == RefundState.APPROVED and refund.amount:
        words += f": {format_money(refund.amount, refund.account.currency)}"
    return f"{words}. {refund.answer}" if refund.answer else words


def _events(refund: RefundRequest) -> Sequence[RefundEvent]:
    events = refund.events.filter(account=refund.account_id).select_related("by")
    return list(events.order_by("pk"))


def _event(event: RefundEvent, clock: Clock, currency: str) -> DeskEvent:
    words = event.get_act_display()
    if event.amount is not None:
        words += f" {format_money(event.amount, currency)}"
    moved = event.state_before and event.state_before != event.state_after
    states = dict(RefundRequest._meta.get_field("state").flatchoices)
    return DeskEvent(
        when=clock.moment(event.created_at),
        who=str(event.by or "System"),
        words=f"{words}: {event.words}" if event.words else words,
        move=f"{states[event.state_before]} → {states[event.state_after]}"
        if moved
        else "",
        address=event.address or "",
    )
