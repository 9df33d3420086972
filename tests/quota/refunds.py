"""Asking for a refund and deciding it in one word each, for the tests of refunds."""

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from django.contrib.auth.models import Permission

from accounts.models import Account
from quota.models import OrderLine, RefundRequest
from quota.services import deciding, refund_sums, refunding
from quota.services.deciding import Decision, Staff
from quota.services.reconciling import reconcile
from quota.services.refunding import Asked
from tests.factories import ImageFactory, UserFactory, creator_of, finish, press

ASKED = Asked(RefundRequest.Reason.MOVING, "Another registry.")


def staff(*permissions: str) -> Staff:
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return Staff(user, "10.0.0.7")


def pack_line(account: Account) -> OrderLine:
    return OrderLine.objects.filter(account=account, kind="pack").latest("pk")


def edition_line(account: Account) -> OrderLine:
    return OrderLine.objects.filter(account=account, kind="edition").latest("pk")


def ask(
    account: Account, now: datetime, line: OrderLine | None = None
) -> RefundRequest:
    return refunding.request(
        account=account,
        line=line or pack_line(account),
        asked=ASKED,
        key=uuid4(),
        by=creator_of(account),
        now=now,
    )


def proposal(refund: RefundRequest, now: datetime) -> Decimal:
    return refund_sums.compute(refund_sums.thing_asked(refund), now).refundable


def approve(
    refund: RefundRequest,
    now: datetime,
    *,
    amount: str | None = None,
    seen: str | None = None,
    answer: str = "",
    holds: str = "",
    by: Staff | None = None,
) -> RefundRequest:
    proposed = proposal(refund, now)
    return deciding.approve(
        refund=refund,
        decision=Decision(
            seen=Decimal(seen) if seen else proposed,
            amount=Decimal(amount) if amount else proposed,
            answer=answer,
            holds=holds,
        ),
        staff=by or staff(),
        now=now,
    )


def use(account: Account, images: int, now: datetime) -> None:
    press(account, ImageFactory.create_batch(images, account=account), now)
    finish(account, now)


def books_hold() -> bool:
    return not [proof.claim for proof in reconcile() if proof.broken]
