"""Decisions on refunds: amounts, states, signatures, scans that run meanwhile."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import Settings

from accounts.models import Account, AuditEntry, BalanceEntry, Notice
from quota.errors import BadDecision, InsufficientQuota, NotYours, RefundMoved
from quota.models import (
    LedgerEntry,
    Order,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    RefundEvent,
    RefundRequest,
    Scan,
    Subscription,
)
from quota.quotes import Basket
from quota.services import deciding
from quota.services.deciding import Decision, Staff
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    creator_of,
    finish,
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


@pytest.mark.parametrize(("before", "holds"), [("wait", "stop"), ("stop", "")])
def test_the_second_person_may_choose_anew_what_becomes_of_scans(
    account: Account, now: datetime, settings: Settings, before: str, holds: str
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    press(account, ImageFactory.create_batch(2, account=account), now)
    refund, seen = approve(ask(account, now), now, holds=before), Decimal("36.00")

    with pytest.raises(BadDecision, match="stop or wait"):
        deciding.confirm(refund=refund, seen=seen, holds="x", staff=staff(), now=now)
    done = deciding.confirm(
        refund=refund, seen=seen, holds=holds, staff=staff(), now=now
    )

    assert (done.state, done.amount) == ("approved", seen)


def test_what_was_used_up_before_the_second_person_looked_is_not_paid(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    refund = approve(ask(account, now), now)
    QuotaWindow.objects.update(used_tenths=3_000)

    with pytest.raises(RefundMoved, match="Nothing is left"):
        deciding.confirm(
            refund=refund, seen=Decimal(0), holds="", staff=staff(), now=now
        )


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


def test_held_scans_ask_for_a_choice(account: Account, now: datetime) -> None:
    press(account, ImageFactory.create_batch(2, account=account), now)

    with pytest.raises(BadDecision, match="stop or wait"):
        approve(ask(account, now), now)


def test_stop_releases_split_scans_wholly(account: Account, now: datetime) -> None:
    scanned = ImageFactory.create_batch(299, account=account)
    for images in (scanned, scanned[:5]):
        press(account, images, now)
        finish(account, now)
    buy(account, Basket(quantity=300), now + DAY)
    press(account, [ImageFactory.create(account=account)], now + DAY)
    scan = Scan.objects.latest("pk")
    entries = LedgerEntry.objects.filter(scan=scan.pk)
    assert list(entries.values_list("tenths", flat=True)) == [5, 5]
    first = OrderLine.objects.filter(kind="pack").order_by("pk")[0]

    approved = approve(ask(account, now + DAY, first), now + DAY, holds="stop")

    assert approved.state == "approved"
    assert entries.filter(kind="release").count() == 2
    assert not QuotaWindow.objects.filter(held_tenths__gt=0).exists()
    assert books_hold()


def test_waiting_pays_what_is_left_when_the_scans_have_ended(
    account: Account, now: datetime
) -> None:
    press(account, ImageFactory.create_batch(10, account=account), now)
    refund = approve(ask(account, now), now, holds="wait")
    assert refund.state == "closing"
    assert deciding.finish_closing(now=now) == 0

    finish(account, now)

    assert deciding.finish_closing(now=now + DAY) == 1
    assert deciding.finish_closing(now=now + DAY) == 0
    assert RefundRequest.objects.get().amount == Decimal("35.40")
    assert books_hold()


def test_waiting_for_scans_that_use_up_everything_pays_nothing(now: datetime) -> None:
    account = account_with(now=now, months=1)
    press(account, ImageFactory.create_batch(300, account=account), now)
    approve(ask(account, now), now, holds="wait")

    finish(account, now)

    assert deciding.finish_closing(now=now) == 1
    assert RefundRequest.objects.get().state == "rejected"
    assert not Order.objects.filter(kind="refund").exists()
    assert books_hold()


def test_a_result_that_arrives_after_stop_is_discarded(
    account: Account, now: datetime
) -> None:
    press(account, [ImageFactory.create(account=account)], now)
    approve(ask(account, now), now, holds="stop")

    assert finish(account, now) == 0
    assert Order.objects.get(kind="refund").total == Decimal("36.00")
    assert books_hold()


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

    taken, approved = AuditEntry.objects.order_by("pk")
    assert taken.before == {"assigned to": ""}
    assert taken.after == {"assigned to": str(one.user)}
    assert approved.before == {"state": "requested"}
    assert approved.after == {"state": "closing", "amount": "36.00"}
    acts = list(AuditEntry.objects.order_by("pk").values_list("act", flat=True))
    assert acts == ["refund assigned", "refund approved"]
    assert {entry.address for entry in AuditEntry.objects.all()} == {"10.0.0.7"}
    step = RefundEvent.objects.get(act="approved")
    assert (step.amount, step.address) == (Decimal("36.00"), "10.0.0.7")
    assert step.state_before == "requested"
    other.refresh_from_db()
    assert other.assigned_to is None
    notice = Notice.objects.get(kind="refund_decided")
    assert (notice.user, notice.context["amount"]) == (creator_of(account), "$36.00")


def test_an_end_that_passes_while_scans_finish_takes_nothing_back(
    account: Account, now: datetime
) -> None:
    end = Subscription.objects.get().ends_at
    just_before = end - timedelta(minutes=1)
    press(account, ImageFactory.create_batch(10, account=account), just_before)
    approve(ask(account, just_before), just_before, holds="wait")
    finish(account, just_before)

    assert deciding.finish_closing(now=end + DAY) == 1

    assert RefundRequest.objects.get().amount == Decimal("35.40")
    assert books_hold()


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
