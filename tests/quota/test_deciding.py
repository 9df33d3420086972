"""Decisions on refunds: amounts, states, signatures."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import Settings

from accounts.models import Account, AuditEntry, BalanceEntry, Notice
from quota.errors import BadDecision, InsufficientQuota, NotYours, RefundMoved
from quota.models import (
    Order,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    RefundEvent,
    RefundRequest,
    Subscription,
)
from quota.quotes import Basket
from quota.services import deciding, refunding, scanning
from quota.services.deciding import Decision, Staff
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    creator_of,
    member_of,
    press,
)
from tests.quota.refunds import approve, ask, books_hold, proposal, staff, use

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now, months=2)


def test_usage_that_moved_is_shown_first(account: Account, now: datetime) -> None:
    refund = ask(account, now)
    use(account, 10, now)

    with pytest.raises(RefundMoved, match=r"Refundable is now \$35\.40"):
        approve(refund, now, seen="36.00")

    assert not Order.objects.filter(kind="refund").exists()
    assert QuotaPack.objects.get().frozen_at is None


def test_a_second_approval_says_who_was_first(account: Account, now: datetime) -> None:
    refund, first = ask(account, now), staff()
    approve(refund, now, by=first)

    with pytest.raises(RefundMoved, match=f"already approved by {first.user}"):
        deciding.approve(
            refund=refund,
            decision=Decision(seen=Decimal("36.00"), amount=Decimal("36.00")),
            staff=staff(),
            now=now,
        )
    with pytest.raises(RefundMoved, match=f"already approved by {first.user}"):
        deciding.reject(refund=refund, answer="No.", staff=staff(), now=now)

    assert Order.objects.filter(kind="refund").count() == 1


@pytest.mark.parametrize(
    ("amount", "answer", "words"),
    [
        ("36.01", "More.", "more than is refundable"),
        ("-1.00", "Less.", "above zero"),
        ("0.00", "Nothing.", "above zero"),
        ("30.005", "Finer.", "whole cents"),
        ("30.00", " ", "Give a reason"),
    ],
)
def test_an_amount_that_cannot_be_is_refused(
    account: Account, now: datetime, amount: str, answer: str, words: str
) -> None:
    refund = ask(account, now)

    with pytest.raises(BadDecision, match=words):
        approve(refund, now, amount=amount, answer=answer)


def test_another_amount_is_paid_with_a_reason(account: Account, now: datetime) -> None:
    approved = approve(
        ask(account, now), now, amount="30.00", answer="Half a month was agreed."
    )

    assert approved.amount == Decimal("30.00")
    assert "$30.00 approved by hand" in OrderLine.objects.latest("pk").formula
    assert books_hold()


def test_rejecting_needs_a_reason_and_unfreezes(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    refund = ask(account, now)
    approve(refund, now)
    assert QuotaPack.objects.get().frozen_at

    with pytest.raises(BadDecision, match="reason"):
        deciding.reject(refund=refund, answer="", staff=staff(), now=now)
    by = staff()
    deciding.reject(refund=refund, answer="Not now.", staff=by, now=now + DAY / 24)

    with pytest.raises(RefundMoved, match=f"already rejected by {by.user} at 10:00"):
        deciding.assign(refund=refund, staff=by, now=now + DAY)
    assert QuotaPack.objects.get().frozen_at is None
    assert Notice.objects.get(kind="refund_decided").context["decision"] == "rejected"
    assert books_hold()


def test_a_frozen_pack_holds_nothing_new(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    approve(ask(account, now), now)

    with pytest.raises(InsufficientQuota):
        press(account, [ImageFactory.create(account=account)], now)


def test_a_large_refund_needs_another_second_person(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal("35.99")
    refund, first = ask(account, now), staff()
    with pytest.raises(RefundMoved, match="not been approved yet"):
        deciding.confirm(
            refund=refund, seen=Decimal(36), holds="", staff=first, now=now
        )
    approve(refund, now, by=first)
    seen = Decimal("36.00")
    with pytest.raises(RefundMoved, match=f"already approved by {first.user} at 09:00"):
        approve(refund, now)

    with pytest.raises(NotYours, match="second person"):
        deciding.confirm(refund=refund, seen=seen, holds="", staff=first, now=now)
    with pytest.raises(RefundMoved):
        deciding.confirm(refund=refund, seen=seen - 1, holds="", staff=staff(), now=now)
    second = staff()
    done = deciding.confirm(refund=refund, seen=seen, holds="", staff=second, now=now)

    assert done.state == "approved"
    assert Order.objects.get(kind="refund").by == second.user
    assert BalanceEntry.objects.get(kind="refund").by == second.user
    assert [event.act for event in RefundEvent.objects.order_by("pk")] == [
        "requested", "approved", "confirmed", "paid",
    ]  # fmt: skip
    assert books_hold()


def test_what_was_used_up_before_the_second_person_looked_is_not_paid(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    refund = approve(ask(account, now), now)
    cent = QuotaWindow.objects.earliest("number")
    QuotaWindow.objects.update(used_tenths=3_000)

    with pytest.raises(RefundMoved, match="Nothing is left"):
        deciding.confirm(
            refund=refund, seen=Decimal(0), holds="", staff=staff(), now=now
        )
    QuotaWindow.objects.filter(pk=cent.pk).update(used_tenths=2_998)
    seen = Decimal("0.01")
    done = deciding.confirm(refund=refund, seen=seen, holds="", staff=staff(), now=now)
    assert done.amount == seen


def test_approvals_of_thirty_days_count_together(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal("70.00")
    for _ in range(2):
        buy(account, Basket(quantity=300), now)
    first, second, third = OrderLine.objects.filter(kind="pack").order_by("pk")
    later = now + 30 * DAY

    assert approve(ask(account, now, first), now).state == "approved"
    assert approve(ask(account, later, second), later).state == "approved"
    assert approve(ask(account, later, third), later).state == "awaiting_second"


def test_only_approvals_that_stand_count(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal("36.00")
    task = press(account, [ImageFactory.create(account=account)], now)
    refund = approve(ask(account, now), now, holds="wait")
    assert refund.state == "closing"
    deciding.reject(refund=refund, answer="Not now.", staff=staff(), now=now)
    scanning.stop(task=task, by=creator_of(account), now=now)

    assert approve(ask(account, now), now).state == "approved"


def test_withdrawing_keeps_what_staff_had_answered(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    refund = approve(ask(account, now), now, answer="Agreed.")

    withdrawn = refunding.withdraw(refund=refund, by=creator_of(account), now=now)

    assert (withdrawn.state, withdrawn.answer) == ("withdrawn", "Agreed.")
    assert RefundEvent.objects.latest("pk").by == creator_of(account)


def test_members_decide_nothing_of_their_account(
    account: Account, now: datetime
) -> None:
    refund = ask(account, now)
    insider, left = Staff(member_of(account), None), staff()
    RefundRequest.objects.update(requested_by=left.user)

    with pytest.raises(NotYours, match="belong to"):
        deciding.assign(refund=refund, staff=insider, now=now)
    with pytest.raises(NotYours, match="belong to"):
        approve(refund, now, by=insider)
    with pytest.raises(NotYours, match="belong to"):
        deciding.reject(refund=refund, answer="No.", staff=left, now=now)


def test_after_the_end_only_the_override_approves(
    account: Account, now: datetime
) -> None:
    refund = ask(account, now)
    ended = Subscription.objects.get().ends_at

    assert proposal(refund, ended) == 0
    with pytest.raises(NotYours, match="override"):
        approve(refund, ended, amount="10.00", answer="Goodwill.")
    allowed = staff("override_refund")
    with pytest.raises(BadDecision, match="reason"):
        approve(refund, ended, amount="10.00", by=allowed)
    approved = approve(refund, ended, amount="10.00", answer="Goodwill.", by=allowed)

    assert approved.amount == Decimal("10.00")
    assert books_hold()


def test_every_step_leaves_an_audit_entry_and_history(
    account: Account, now: datetime
) -> None:
    refund, one = ask(account, now), staff()
    buy(account, Basket(quantity=300), now)
    other = ask(account, now)
    deciding.assign(refund=refund, staff=one, now=now)
    deciding.assign(refund=refund, staff=one, now=now)
    approve(refund, now, by=one)
    deciding.assign(refund=other, staff=staff(), now=now)
    deciding.assign(refund=other, staff=one, now=now)
    deciding.reject(refund=other, answer="No.", staff=one, now=now)

    taken, approved, before, retaken, rejected = AuditEntry.objects.order_by("pk")
    assert before.before == taken.before
    assert retaken.before == before.after
    assert rejected.before == {"state": "requested"}
    assert rejected.after == {"state": "rejected", "amount": ""}
    assert taken.before == {"assigned to": ""}
    assert taken.after == {"assigned to": str(one.user)}
    assert approved.before == {"state": "requested"}
    assert approved.after == {"state": "closing", "amount": "36.00"}
    assert [taken.act, approved.act] == ["refund assigned", "refund approved"]
    assert {entry.address for entry in AuditEntry.objects.all()} == {"10.0.0.7"}
    step = RefundEvent.objects.get(act="approved")
    assert (step.amount, step.address) == (Decimal("36.00"), "10.0.0.7")
    assert step.state_before == "requested"
    notice = Notice.objects.filter(kind="refund_decided").earliest("pk")
    assert (notice.user, notice.context["amount"]) == (creator_of(account), "$36.00")


def test_after_the_end_a_second_person_needs_the_override_too(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    refund = approve(ask(account, now), now, amount="30.00", answer="Agreed.")
    end, seen = Subscription.objects.get().ends_at, Decimal(0)

    with pytest.raises(NotYours, match="override"):
        deciding.confirm(refund=refund, seen=seen, holds="", staff=staff(), now=end)
    confirmed = deciding.confirm(
        refund=refund, seen=seen, holds="", staff=staff("override_refund"), now=end
    )

    assert confirmed.amount == Decimal("30.00")
