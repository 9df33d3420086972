"""Refunds through the services: sums, states, signatures, and the books after."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from pytest_django import Settings

from accounts.models import Account, AuditEntry, BalanceEntry, Notice, User
from accounts.money import to_cents
from quota.errors import (
    AlreadyAsked,
    BadDecision,
    InsufficientQuota,
    NothingToRefund,
    NotYours,
    RefundMoved,
)
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
from quota.services import deciding, refund_sums, refunding
from quota.services.deciding import Decision, Staff
from quota.services.reconciling import reconcile
from quota.services.refunding import Asked
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    buy,
    creator_of,
    finish,
    press,
)

pytestmark = pytest.mark.django_db
ASKED = Asked(RefundRequest.Reason.MOVING, "Another registry.")
DAY = timedelta(days=1)


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now, months=2)


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


def test_the_seed_like_case_is_paid_back_to_the_cent(
    account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    for _ in range(100):
        press(account, [image], now)
        finish(account, now)
    before = Account.objects.get().balance
    refund = ask(account, now)

    approved = approve(refund, now + DAY)

    order = Order.objects.get(kind="refund")
    assert approved.state == "approved"
    assert order.total == approved.amount == Decimal("35.35")
    assert Account.objects.get().balance == before + Decimal("35.35")
    assert order.lines.get().formula.startswith(
        "$36.00 paid − 10.9 used × $0.06 = $35.35"
    )
    assert order.lines.get().credited == refund.order
    assert books_hold()


def test_after_approval_no_window_of_the_pack_accepts_a_hold(
    account: Account, now: datetime
) -> None:
    use(account, 3, now)

    approve(ask(account, now), now + DAY)

    assert not QuotaWindow.objects.filter(free_tenths__gt=0).exists()
    revoked = LedgerEntry.objects.filter(kind="revoke").aggregate(n=Sum("tenths"))
    assert revoked["n"] == 6000 - 30
    with pytest.raises(InsufficientQuota):
        press(account, [ImageFactory.create(account=account)], now + DAY)


def test_the_other_pack_is_still_drawn_from(account: Account, now: datetime) -> None:
    buy(account, Basket(quantity=600), now + DAY)

    approve(ask(account, now + DAY), now + 2 * DAY)

    press(account, [ImageFactory.create(account=account)], now + 2 * DAY)
    assert LedgerEntry.objects.get(kind="hold").window.pack.quantity == 300
    assert books_hold()


def test_lapsed_quota_is_not_deducted(account: Account, now: datetime) -> None:
    use(account, 10, now)
    later = now + timedelta(days=35)

    approved = approve(ask(account, later), later)

    assert approved.amount == Decimal("35.40")
    assert books_hold()


def test_a_second_press_returns_the_first_request(
    account: Account, now: datetime
) -> None:
    key, line = uuid4(), pack_line(account)

    def pressed() -> RefundRequest:
        return refunding.request(
            account=account,
            line=line,
            asked=ASKED,
            key=key,
            by=creator_of(account),
            now=now,
        )

    assert pressed() == pressed()
    assert RefundEvent.objects.count() == 1


def test_one_open_request_per_thing(account: Account, now: datetime) -> None:
    refund = ask(account, now)

    with pytest.raises(AlreadyAsked, match=refund.label):
        ask(account, now)


def test_a_refunded_pack_is_not_asked_for_again(
    account: Account, now: datetime
) -> None:
    approve(ask(account, now), now)

    with pytest.raises(AlreadyAsked, match="was refunded already"):
        ask(account, now)


def test_a_rejected_or_withdrawn_pack_can_be_asked_for_again(
    account: Account, now: datetime
) -> None:
    first = ask(account, now)
    deciding.reject(refund=first, answer="Please tell us why.", staff=staff(), now=now)
    second = ask(account, now)
    refunding.withdraw(refund=second, by=creator_of(account), now=now)
    refunding.withdraw(refund=second, by=creator_of(account), now=now)

    assert ask(account, now).state == "requested"
    assert RefundEvent.objects.filter(act="withdrawn").count() == 1


def test_nothing_left_is_nothing_to_refund(now: datetime) -> None:
    account = account_with(now=now, months=1)
    QuotaWindow.objects.update(used_tenths=3000)

    with pytest.raises(NothingToRefund, match="All fees on this order have been used"):
        ask(account, now)


def test_after_its_last_window_a_pack_is_not_asked_for(
    account: Account, now: datetime
) -> None:
    with pytest.raises(NothingToRefund, match="ended"):
        ask(account, now + timedelta(days=70))


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
    deciding.reject(refund=refund, answer="Not now.", staff=staff(), now=now)

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
    approve(refund, now, by=first)
    seen = Decimal("36.00")

    with pytest.raises(NotYours, match="second person"):
        deciding.confirm(refund=refund, seen=seen, holds="", staff=first, now=now)
    with pytest.raises(RefundMoved):
        deciding.confirm(refund=refund, seen=seen - 1, holds="", staff=staff(), now=now)
    done = deciding.confirm(refund=refund, seen=seen, holds="", staff=staff(), now=now)

    assert done.state == "approved"
    assert [event.act for event in RefundEvent.objects.order_by("pk")] == [
        "requested", "approved", "confirmed", "paid",
    ]  # fmt: skip
    assert books_hold()


def test_approvals_of_thirty_days_count_together(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal("70.00")
    buy(account, Basket(quantity=300), now)
    first, second = OrderLine.objects.filter(kind="pack").order_by("pk")

    assert approve(ask(account, now, first), now).state == "approved"
    assert approve(ask(account, now, second), now).state == "awaiting_second"


def test_members_decide_nothing_of_their_account(
    account: Account, now: datetime
) -> None:
    refund = ask(account, now)
    insider = Staff(creator_of(account), None)

    with pytest.raises(NotYours, match="belong to"):
        deciding.assign(refund=refund, staff=insider, now=now)
    with pytest.raises(NotYours, match="belong to"):
        approve(refund, now, by=insider)
    with pytest.raises(NotYours, match="belong to"):
        deciding.reject(refund=refund, answer="No.", staff=insider, now=now)


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


def test_a_renewed_pack_credits_the_renewal_first(
    account: Account, now: datetime
) -> None:
    line = pack_line(account)
    renewal = Order.objects.create(
        account=account, number=2, kind="renewal", key=uuid4(), asked={},
        total=Decimal("18.00"), currency="USD", created_at=now,
    )  # fmt: skip
    line.pk, line.order, line.amount, line.periods = None, renewal, Decimal("18.00"), 1
    line.save(force_insert=True)

    approved = approve(ask(account, now), now)

    credited = OrderLine.objects.filter(order=approved.refund_order)
    assert approved.amount == Decimal("54.00")
    assert list(credited.order_by("pk").values_list("credited__number", "amount")) == [
        (2, Decimal("18.00")),
        (1, Decimal("36.00")),
    ]


def test_edition_waits_for_its_packs(account: Account, now: datetime) -> None:
    with pytest.raises(NothingToRefund, match="300 scans a month still has quota left"):
        ask(account, now, edition_line(account))

    approve(ask(account, now), now)

    assert ask(account, now, edition_line(account)).estimate == Decimal("13.28")


def test_edition_ends_at_the_instant_of_approval(
    account: Account, now: datetime
) -> None:
    approve(ask(account, now), now)
    refund = ask(account, now, edition_line(account))

    approved = approve(refund, now + 10 * DAY)

    subscription = Subscription.objects.get()
    days = 61  # 24 Nov to 24 Jan
    assert approved.amount == to_cents(Decimal("13.50") * (days - 11) / days)
    assert subscription.ends_at == subscription.refunded_at == now + 10 * DAY
    assert Subscription.objects.current(account.pk, now + 10 * DAY) is None
    assert books_hold()


def test_bought_anew_before_deletion_keeps_the_history(
    account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    press(account, [image], now)
    finish(account, now)
    approve(ask(account, now), now + DAY)
    approve(ask(account, now + DAY, edition_line(account)), now + DAY)

    buy(account, Basket(quantity=300, cores=1, months=1), now + 2 * DAY)
    task = press(account, [image], now + 2 * DAY)

    assert task.cost_tenths == 1
    assert books_hold()


def test_every_step_leaves_an_audit_entry_and_history(
    account: Account, now: datetime
) -> None:
    refund, one = ask(account, now), staff()
    deciding.assign(refund=refund, staff=one, now=now)
    deciding.assign(refund=refund, staff=one, now=now)
    approve(refund, now, by=one)

    acts = list(AuditEntry.objects.order_by("pk").values_list("act", flat=True))
    assert acts == ["refund assigned", "refund approved"]
    assert {entry.address for entry in AuditEntry.objects.all()} == {"10.0.0.7"}
    notice = Notice.objects.get(kind="refund_decided")
    assert (notice.user, notice.context["amount"]) == (creator_of(account), "$36.00")


def test_the_database_keeps_the_signatures(account: Account, now: datetime) -> None:
    refund = ask(account, now)
    someone: User = UserFactory.create()
    rows = RefundRequest.objects.filter(pk=refund.pk)
    signed = {"state": "closing", "approved_at": now, "amount": Decimal(1)}
    never: list[tuple[str, dict[str, object]]] = [
        ("signatures", {"state": "approved"}),
        ("signatures", {"state": "closing"}),
        ("decided_by", {**signed, "approved_by": refund.requested_by}),
        (
            "second_person_is_another",
            {
                **signed, "approved_by": someone,
                "confirmed_by": someone, "confirmed_at": now,
            },
        ),
        ("signatures_are_dated",
         {**signed, "approved_by": someone, "confirmed_at": now}),
        ("amount_positive",
         {**signed, "approved_by": someone, "amount": 0}),
        ("explained",
         {"state": "rejected", "ended_by": someone, "ended_at": now}),
        ("one_thing", {"pack": None}),
    ]  # fmt: skip

    for constraint, columns in never:
        with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
            rows.update(**columns)


def test_the_history_is_never_changed(account: Account, now: datetime) -> None:
    ask(account, now)

    for statement in (
        "UPDATE quota_refundevent SET id = id",
        "DELETE FROM quota_refundevent",
    ):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_reconcile_sees_a_refund_nobody_approved(
    account: Account, now: datetime
) -> None:
    approved = approve(ask(account, now), now)
    assert books_hold()
    RefundRequest.objects.filter(pk=approved.pk).update(amount=Decimal("35.99"))
    QuotaPack.objects.update(closed_at=None)

    broken = {proof.claim for proof in reconcile() if proof.broken}

    assert (
        "every refund was credited once, to the cent, as one request approved" in broken
    )
    assert any(claim.startswith("a refunded pack is closed") for claim in broken)


def test_the_credit_stands_beside_the_order(account: Account, now: datetime) -> None:
    approve(ask(account, now), now)

    entry = BalanceEntry.objects.get(kind="refund")
    assert entry.reference == f"order:{Order.objects.get(kind='refund').number}"
