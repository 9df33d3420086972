"""Asking for a refund and taking the request back: the customer's verbs (rules 8)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.errors import KeyReused
from accounts.models import Account, User
from quota.errors import AlreadyAsked, NothingToRefund, RefundMoved
from quota.models import (
    OrderLine,
    QuotaPack,
    QuotaWindow,
    RefundEvent,
    RefundRequest,
)
from quota.rules.refunds import OPEN, Computation, RefundState
from quota.services import refund_sums
from quota.services.refund_sums import Thing

Act = RefundEvent.Act


@dataclass(frozen=True, slots=True)
class Asked:
    """What the customer says with a request."""

    reason: RefundRequest.Reason
    note: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a request would come to now, and why it cannot be made if it cannot."""

    line: OrderLine
    thing: Thing
    computation: Computation
    refusal: AlreadyAsked | NothingToRefund | None


def preview(*, account: Account, line: OrderLine, now: datetime) -> Preview:
    """Compute a refund without asking for it."""
    thing = refund_sums.thing_of(line)
    computation = refund_sums.compute(thing, now)
    refusal = _refusal(account, thing, computation, now)
    return Preview(line, thing, computation, refusal)


@transaction.atomic
def request(
    *,
    account: Account,
    line: OrderLine,
    asked: Asked,
    key: UUID,
    by: User,
    now: datetime,
) -> RefundRequest:
    """Ask for what a line bought to be paid back, its computation frozen.

    A second call with the same ``key`` returns the first call's request; for another
    line it is refused (409). Refuses a thing with an open request or a refund (409),
    and one of which nothing is left (422).
    """
    locked = Account.objects.lock(account.pk)
    if earlier := RefundRequest.objects.filter(account=locked, key=key).first():
        if (earlier.order_id, earlier.pack_id) != (line.order_id, line.pack_id):
            raise KeyReused
        return earlier
    seen = preview(account=locked, line=line, now=now)
    if seen.refusal:
        raise seen.refusal
    refund = RefundRequest.objects.create(
        account=locked,
        key=key,
        kind=line.kind,
        order=line.order,
        **_named(seen.thing),
        reason=asked.reason,
        note=asked.note,
        computation=seen.computation.plain(),
        estimate=seen.computation.refundable,
        requested_by=by,
        requested_at=now,
    )
    record(refund, Act.REQUESTED, "", by=by, now=now, words=asked.note)
    return refund


@transaction.atomic
def withdraw(*, refund: RefundRequest, by: User, now: datetime) -> RefundRequest:
    """Take a request back, from any state before approved; the pack is drawn from
    again. A second call changes nothing. Refuses one that was decided (409)."""
    Account.objects.lock(refund.account_id)
    refund = current(refund)
    if refund.state == RefundState.WITHDRAWN:
        return refund
    if not refund.is_open:
        raise RefundMoved(f"{refund.label} was decided and cannot be withdrawn.")
    give_up(refund, RefundState.WITHDRAWN, by=by, now=now)
    record(refund, Act.WITHDRAWN, refund.state, by=by, now=now)
    return current(refund)


def current(refund: RefundRequest) -> RefundRequest:
    """The request as it stands now; the caller holds the account's lock."""
    people = ("account", "requested_by", "assigned_to", "approved_by", "confirmed_by")
    return RefundRequest.objects.select_related(
        *people, "ended_by", "pack", "order"
    ).get(account=refund.account_id, pk=refund.pk)


def give_up(refund: RefundRequest, state: RefundState, *, by: User, now: datetime,
            answer: str = "") -> None:  # fmt: skip
    """Move an open request to rejected or withdrawn, and unfreeze its pack."""
    RefundRequest.objects.filter(
        account=refund.account_id, pk=refund.pk, state__in=OPEN
    ).update(state=state, ended_by=by, ended_at=now, answer=answer or refund.answer)
    freeze(refund, None)


def freeze(refund: RefundRequest, at: datetime | None) -> None:
    """Let nothing more be held in the request's pack from here on, or lift that. The
    windows that a refund of Professional Edition shut stay so."""
    if (pack := refund.pack_id) is None:
        return
    windows = QuotaWindow.objects.filter(account=refund.account_id, pack=pack)
    windows.filter(pack__subscription__refunded_at=None).update(shut_at=at)
    packs = QuotaPack.objects.filter(account=refund.account_id, pk=pack)
    packs.update(frozen_at=at)


def record(
    refund: RefundRequest,
    act: RefundEvent.Act,
    before: str,
    *,
    by: User | None,
    now: datetime,
    words: str = "",
    address: str | None = None,
) -> None:
    """Append one step to the history, as the row stands now."""
    now_stands = RefundRequest.objects.get(account=refund.account_id, pk=refund.pk)
    RefundEvent.objects.create(
        account_id=refund.account_id,
        refund=refund,
        act=act,
        state_before=before,
        state_after=now_stands.state,
        amount=now_stands.amount,
        words=words,
        by=by,
        address=address,
        created_at=now,
    )


def _named(thing: Thing) -> dict[str, Thing]:
    return {"pack" if isinstance(thing, QuotaPack) else "subscription": thing}


def _refusal(
    account: Account, thing: Thing, computation: Computation, now: datetime
) -> AlreadyAsked | NothingToRefund | None:
    if earlier := _earlier(account, thing):
        words = "was refunded" if earlier.state == "approved" else "is in review"
        return AlreadyAsked(
            f"A refund for this {words} already: {earlier.label}.", earlier.pk
        )
    if _is_over(thing, now):
        return NothingToRefund(
            "This has ended, and what was left lapsed. There is nothing to refund."
        )
    if not computation.refundable:
        return NothingToRefund(
            "All fees on this order have been used. There is nothing to refund."
        )
    if not isinstance(thing, QuotaPack):
        return edition_refusal(thing, now)
    return None


def _earlier(account: Account, thing: Thing) -> RefundRequest | None:
    same = RefundRequest.objects.filter(Q(**_named(thing)), account=account)
    return same.filter(state__in=[*OPEN, RefundState.APPROVED]).first()


def _is_over(thing: Thing, now: datetime) -> bool:
    if isinstance(thing, QuotaPack):
        return not refund_sums.is_askable(thing, now)
    return thing.ends_at <= now


def edition_refusal(thing: Thing, now: datetime) -> NothingToRefund | None:
    """Why Professional Edition cannot be refunded now: packs with quota left."""
    if isinstance(thing, QuotaPack):
        return None
    packs = refund_sums.packs_in_the_way(thing, now)
    if not packs:
        return None
    names = " and ".join(str(pack) for pack in packs)
    return NothingToRefund(
        f"{names} still {'has' if len(packs) == 1 else 'have'} quota left. Professional"
        " Edition can be refunded once that is refunded or used."
    )
