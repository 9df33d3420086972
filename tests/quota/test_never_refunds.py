"""Each "never" about refunds, hit with SQL that goes around the services."""

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Account, User
from quota.models import QuotaPack, QuotaWindow, RefundRequest, Subscription
from quota.services.reconciling import reconcile
from tests.factories import UserFactory, account_with, member_of
from tests.quota.refunds import approve, ask, books_hold
from tests.quota.test_never import again, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now, months=2)


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


@pytest.mark.parametrize("role", ["approved_by", "confirmed_by", "ended_by"])
def test_no_member_of_the_account_is_ever_written_down_as_deciding(
    account: Account, now: datetime, role: str
) -> None:
    refund = ask(account, now)
    member, outsider = member_of(account), UserFactory.create()
    approved = {
        "state": "closing", "approved_by": outsider, "approved_at": now,
        "amount": Decimal(1), "confirmed_by": UserFactory.create(),
        "confirmed_at": now,
    }  # fmt: skip
    rejected = {"state": "rejected", "ended_by": outsider, "ended_at": now,
                "answer": "No."}  # fmt: skip
    signed: dict[str, object] = rejected if role == "ended_by" else approved
    rows = RefundRequest.objects.filter(pk=refund.pk)

    with transaction.atomic():
        assert rows.update(**signed) == 1
        transaction.set_rollback(True)
    refused("decided_by_a_member", lambda: rows.update(**{**signed, role: member}))
    another = {
        "key": uuid4(), "kind": "edition", "pack": None,
        "subscription": Subscription.objects.get(),
    }  # fmt: skip
    refused("decided_by_a_member", again(refund, **another, **{**signed, role: member}))


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


def test_reconcile_sees_a_month_that_is_shut_without_a_refund(
    account: Account, now: datetime
) -> None:
    QuotaWindow.objects.filter(account=account, number=1).update(shut_at=now)

    (broken,) = (proof for proof in reconcile() if proof.broken)

    assert broken.claim.startswith("a month is shut exactly where its pack is frozen")
