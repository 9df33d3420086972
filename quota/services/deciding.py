"""Deciding refunds: the verbs of staff, and the one transaction that pays (rules 8)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from accounts.models import Account, Member, User
from accounts.money import format_money, is_cents
from accounts.services import audit
from quota.errors import BadDecision, NotYours, RefundMoved
from quota.models import QuotaPack, RefundEvent, RefundRequest
from quota.rules.refunds import (
    ALLOWED,
    APPROVALS_COUNT,
    Computation,
    RefundState,
    needs_second_person,
)
from quota.services import paying_back, refund_sums, refunding
from quota.services.refunding import current, edition_refusal, freeze, record
from quota.services.sweeping import in_turn

Act = RefundEvent.Act
Holds = RefundRequest.Holds
State = RefundState
WAIT_ENDED = (
    "The scans that were running have used what was left, so there is nothing to pay"
    " back."
)
# It would end at the instant it began, which no stretch of time does.
BEGINS = "Professional Edition began this very instant. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Staff:
    """Who decides, and from which address."""

    user: User
    address: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """An approval: ``seen`` is the proposal that was on the page, ``answer`` what the
    customer reads, ``holds`` what becomes of quota that scans hold."""

    seen: Decimal
    amount: Decimal
    answer: str = ""
    holds: str = ""


@transaction.atomic
def assign(*, refund: RefundRequest, staff: Staff, now: datetime) -> RefundRequest:
    """Take a request on. Refuses a decided one (409) and a member's own (403)."""
    refund = _locked(refund, staff)
    _require_open(refund)
    if refund.assigned_to == staff.user:
        return refund
    before = str(refund.assigned_to or "")
    _update(refund, assigned_to=staff.user)
    _recorded(
        refund, Act.ASSIGNED, staff, now,
        before={"assigned to": before}, after={"assigned to": str(staff.user)},
        words=str(staff.user),
    )  # fmt: skip
    return current(refund)


@transaction.atomic
def approve(
    *, refund: RefundRequest, decision: Decision, staff: Staff, now: datetime
) -> RefundRequest:
    """Approve a request with this amount and freeze its pack.

    Then a second person must confirm it, or running scans must end first, or it is
    paid at once, all in this transaction. Refuses (409) a request that is no longer in
    review, a proposal that moved since ``seen`` and Professional Edition at the very
    instant it began; an amount that cannot be (422); after E everybody without the
    override permission (403).
    """
    refund = _locked(refund, staff)
    if refund.state != State.REQUESTED:
        raise RefundMoved(_what_happened(refund))
    computation = _recomputed(refund, decision.seen, now)
    _check(refund, decision, computation, staff)
    second = needs_second_person(
        approved_before=refund_sums.approved_since(
            refund.account_id, now - APPROVALS_COUNT
        ),
        amount=decision.amount,
        above=settings.REFUND_SECOND_PERSON_ABOVE,
    )
    _move(
        refund, State.AWAITING_SECOND if second else State.CLOSING,
        approved_by=staff.user, approved_at=now, amount=decision.amount,
        as_computed=decision.amount == computation.refundable,
        answer=decision.answer, holds=decision.holds,
    )  # fmt: skip
    freeze(refund, now)
    _recorded(refund, Act.APPROVED, staff, now, words=decision.answer)
    return current(refund) if second else _carried_out(refund, staff, now)


@transaction.atomic
def confirm(
    *, refund: RefundRequest, seen: Decimal, holds: str, staff: Staff, now: datetime
) -> RefundRequest:
    """Confirm a large approval as the second person, and carry it out.

    Refuses whoever approved it (403), another state and a proposal that moved (409);
    after E everybody without the override permission (403).
    """
    refund = _locked(refund, staff)
    if refund.state != State.AWAITING_SECOND:
        raise RefundMoved(_what_happened(refund))
    if refund.approved_by == staff.user:
        raise NotYours("You approved this. A second person must confirm it.")
    computation = _recomputed(refund, seen, now)
    _check_in_time(computation, staff)
    amount = _amount(refund, computation)
    if amount <= 0:
        raise RefundMoved("Nothing is left to refund. Reject the request instead.")
    _check_holds(computation, holds or refund.holds)
    _move(
        refund, State.CLOSING, confirmed_by=staff.user, confirmed_at=now,
        amount=amount, holds=holds or refund.holds,
    )  # fmt: skip
    _recorded(refund, Act.CONFIRMED, staff, now)
    return _carried_out(refund, staff, now)


@transaction.atomic
def reject(
    *, refund: RefundRequest, answer: str, staff: Staff, now: datetime
) -> RefundRequest:
    """Reject a request with a reason the customer reads; its pack is drawn from again.

    Refuses a request without a reason (422) and one that is decided (409)."""
    refund = _locked(refund, staff)
    _require_open(refund)
    if not answer.strip():
        raise BadDecision("Give a reason the customer can read.")
    refunding.give_up(refund, State.REJECTED, by=staff.user, now=now, answer=answer)
    _recorded(refund, Act.REJECTED, staff, now, words=answer)
    paying_back.owe_notice(current(refund), now)
    return current(refund)


def finish_closing(*, now: datetime) -> int:
    """Pay the approved requests whose last scan has ended. Returns how many; a second
    call, or another worker, pays none twice."""
    closing = RefundRequest.objects.filter(state=State.CLOSING).order_by("pk")
    return in_turn(closing, lambda refund: _finish(refund, now))


@transaction.atomic
def _finish(refund: RefundRequest, now: datetime) -> bool:
    Account.objects.lock(refund.account_id)
    refund = current(refund)
    if refund.state != State.CLOSING or paying_back.open_scans(refund):
        return False
    _end(refund, now)
    return True


def _carried_out(refund: RefundRequest, staff: Staff, now: datetime) -> RefundRequest:
    refund = current(refund)
    if refund.holds == Holds.STOP:
        paying_back.stop_scans(refund, staff.user, now)
    if paying_back.open_scans(refund):
        record(refund, Act.WAITING, refund.state, by=None, now=now)
    else:
        _end(refund, now)
    return current(refund)


def _end(refund: RefundRequest, now: datetime) -> None:
    """The last step: recomputed, paid and closed; or, when the scans that were waited
    for used what was left, rejected in the name of who chose to wait. That E passed
    while they ended takes nothing from what was decided before it."""
    thing = refund_sums.thing_asked(refund)
    computation = refund_sums.compute(thing, now, decided_at=refund.approved_at)
    amount = _amount(refund, computation)
    if amount <= 0:
        by = refund.confirmed_by or refund.approved_by
        assert by  # noqa: S101 -- a closing request carries its signatures
        refunding.give_up(refund, State.REJECTED, by=by, now=now, answer=WAIT_ENDED)
        record(refund, Act.REJECTED, State.CLOSING, by=None, now=now, words=WAIT_ENDED)
    else:
        order = paying_back.pay(refund, thing, computation, amount, now)
        _move(refund, State.APPROVED, amount=amount, refund_order=order, ended_at=now)
        record(refund, Act.PAID, State.CLOSING, by=None, now=now)
    paying_back.owe_notice(current(refund), now)


def _amount(refund: RefundRequest, computation: Computation) -> Decimal:
    """What is paid in the end: the sum as it stands now, or the amount given by hand,
    never more than what is left of the payments."""
    if refund.as_computed:
        return computation.refundable
    return min(refund.amount or Decimal(0), computation.most)


def _locked(refund: RefundRequest, staff: Staff) -> RefundRequest:
    Account.objects.lock(refund.account_id)
    refund = current(refund)
    member = Member.objects.filter(account=refund.account_id, user=staff.user)
    if refund.requested_by == staff.user or member.exists():
        raise NotYours(
            f"You belong to {refund.account}, so you cannot decide its refunds."
        )
    return refund


def _require_open(refund: RefundRequest) -> None:
    if not refund.is_open:
        raise RefundMoved(_what_happened(refund))


def _what_happened(refund: RefundRequest) -> str:
    who = refund.ended_by if refund.state == State.WITHDRAWN else refund.approved_by
    when = refund.ended_at or refund.approved_at
    done = {
        State.AWAITING_SECOND: "approved",
        State.CLOSING: "approved",
        State.APPROVED: "approved",
        State.WITHDRAWN: "withdrawn",
        State.REJECTED: "rejected",
    }.get(State(refund.state))
    if done == "rejected":
        who = refund.ended_by
    if done is None:
        return "This request has not been approved yet."
    return f"This request was already {done} by {who} at {when:%H:%M} UTC."


def _recomputed(refund: RefundRequest, seen: Decimal, now: datetime) -> Computation:
    thing = refund_sums.thing_asked(refund)
    if isinstance(thing, QuotaPack):
        paying_back.lock_windows(refund)
    elif thing.anchor >= now:
        raise RefundMoved(BEGINS)
    if refusal := edition_refusal(thing, now):
        raise RefundMoved(str(refusal))
    computation = refund_sums.compute(thing, now)
    if computation.refundable != seen:
        money = format_money(computation.refundable, computation.currency)
        raise RefundMoved(
            "The customer used quota since you opened this page. Refundable is now"
            f" {money}."
        )
    return computation


def _check(
    refund: RefundRequest, decision: Decision, computation: Computation, staff: Staff
) -> None:
    amount, currency = decision.amount, computation.currency
    _check_in_time(computation, staff)
    if amount > computation.most:
        raise BadDecision(
            f"Amount is more than is refundable"
            f" ({format_money(computation.most, currency)})."
        )
    if amount <= 0 or not is_cents(amount):
        raise BadDecision("Enter an amount above zero in whole cents, or reject it.")
    if amount != computation.refundable and not decision.answer.strip():
        raise BadDecision("Give a reason the customer can read.")
    _check_holds(computation, decision.holds)


def _check_in_time(computation: Computation, staff: Staff) -> None:
    if computation.is_over and not staff.user.has_perm("quota.override_refund"):
        raise NotYours(
            "Professional Edition has ended. Only staff with the override permission"
            " can approve an amount now."
        )


def _check_holds(computation: Computation, holds: str) -> None:
    if computation.held_tenths and holds not in Holds.values:
        raise BadDecision("Scans hold quota of this purchase. Choose stop or wait.")


def _move(refund: RefundRequest, state: RefundState, **columns: object) -> None:
    """Move a request and sign it, from the state it was read in and no other."""
    was = RefundState(refund.state)
    if state not in ALLOWED[was]:
        raise RefundMoved(_what_happened(refund))
    rows = RefundRequest.objects.filter(
        account=refund.account_id, pk=refund.pk, state=was
    )
    if not rows.update(state=state, **columns):
        raise RefundMoved(_what_happened(current(refund)))


def _update(refund: RefundRequest, **columns: object) -> None:
    RefundRequest.objects.filter(account=refund.account_id, pk=refund.pk).update(
        **columns
    )


def _recorded(
    refund: RefundRequest,
    act: RefundEvent.Act,
    staff: Staff,
    now: datetime,
    *,
    words: str = "",
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    """Write a step of staff, from the request as it was read, into its history and
    into the audit log."""
    was = refund.state
    record(refund, act, was, by=staff.user, now=now, words=words, address=staff.address)
    stands = current(refund)
    audit.record(
        by=staff.user,
        act=f"refund {act.label.lower()}",
        target=refund.label,
        account=stands.account,
        before=before or {"state": was},
        after=after or {"state": stands.state, "amount": str(stands.amount or "")},
        reason=words,
        address=staff.address,
        now=now,
    )
