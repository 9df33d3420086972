"""Each "never" about money, hit with SQL that goes around the services."""

from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import F

from accounts.models import (
    Account,
    Adjustment,
    BankTransfer,
    BillingDetails,
    PaymentEvent,
    TopUp,
)
from accounts.services import adjusting, billing, topping_up, transfers
from quota.models import Invoice, InvoiceNumber, InvoiceSeries, Order
from quota.quotes import Basket
from quota.services import invoicing
from tests.conftest import as_owner
from tests.factories import UserFactory, account_with, buy, creator_of
from tests.quota.test_never import again, broken, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    account = account_with(now=now)
    buy(account, Basket(quantity=300), now)
    invoicing.issue(now=now)
    return account


@pytest.fixture
def top_up(account: Account, now: datetime) -> TopUp:
    return topping_up.request(
        account=account,
        method="bank",
        amount=Decimal(50),
        key=uuid4(),
        by=creator_of(account),
        now=now,
    )


@pytest.fixture
def transfer(account: Account, now: datetime) -> BankTransfer:
    return transfers.record(
        account=account,
        amount=Decimal(50),
        bank_reference="TRX 1",
        value_on=date(2026, 11, 23),
        by=UserFactory.create(),
        now=now,
    )


def test_a_top_up_has_one_effect_per_press_and_payment(
    top_up: TopUp, now: datetime
) -> None:
    top_ups = TopUp.objects.all()

    refused("top_up_once_per_key", again(top_up))
    refused("top_up_amount_positive", lambda: top_ups.update(amount=0))
    refused("top_up_payment_is_dated", lambda: top_ups.update(state="paid"))
    refused("top_up_payment_is_dated", lambda: top_ups.update(paid_at=now))
    top_ups.update(payment="pi_1")
    refused("top_up_once_per_payment", again(top_up, key=uuid4(), payment="pi_1"))


def test_never_more_of_a_top_up_is_taken_back_than_was_paid(
    top_up: TopUp, now: datetime
) -> None:
    top_ups = TopUp.objects.all()

    refused("never_reversed_beyond", lambda: top_ups.update(reversed_amount=1))
    top_ups.update(state="paid", paid_at=now)
    refused("never_reversed_beyond", lambda: top_ups.update(reversed_amount=51))
    refused("never_reversed_beyond", lambda: top_ups.update(reversed_amount=-1))
    assert top_ups.update(reversed_amount=50)


def test_a_bank_reference_is_never_recorded_twice(
    transfer: BankTransfer, now: datetime
) -> None:
    other = account_with(now=now, slug="other")

    refused("bank_transfer_recorded_once", again(transfer))
    refused("bank_transfer_recorded_once", again(transfer, account=other))
    again(transfer, reversed_at=now)()


def test_an_event_is_never_received_twice(db: None, now: datetime) -> None:
    event = PaymentEvent.objects.create(
        provider="stripe", event="evt_1", kind="x", effect="none", thing="y",
        received_at=now,
    )  # fmt: skip

    refused("payment_event_received_once", again(event))


def test_a_large_adjustment_is_never_booked_by_whoever_asked(
    account: Account, now: datetime
) -> None:
    waiting = adjusting.ask(
        account=account,
        amount=Decimal(501),
        reason="Agreed.",
        key=uuid4(),
        by=UserFactory.create(),
        now=now,
    )
    rows = Adjustment.objects.filter(pk=waiting.pk)

    refused("decision_is_dated_and_signed", lambda: rows.update(state="booked"))
    refused(
        "second_person_is_another",
        lambda: rows.update(state="booked", decided_by=F("asked_by"), decided_at=now),
    )
    refused("says_why", lambda: rows.update(reason=""))
    refused("adjustment_once_per_key", again(waiting))


def test_billing_details_are_once_per_account(account: Account, now: datetime) -> None:
    billing.save_details(
        account=account,
        name="A",
        address="",
        tax_id="",
        by=creator_of(account),
        now=now,
    )

    refused("billing_details_once_per_account", again(BillingDetails.objects.get()))


def test_an_order_never_has_two_invoices_nor_an_invoice_wrong_sums(
    account: Account,
) -> None:
    invoice = Invoice.objects.order_by("pk")[0]
    order = Order.objects.order_by("pk")[0]

    refused("invoice_once_per_order", again(invoice))
    refused("names_the_order", again(invoice, kind="credit"))
    refused("net_and_tax", again(invoice, order_id=order.pk + 99, tax=1))
    refused("same_account", again(invoice, order_id=order.pk + 99))


def test_a_number_is_never_missing_and_never_given_twice(account: Account) -> None:
    second = InvoiceNumber.objects.get(number=2)
    invoice = Invoice.objects.order_by("pk")[0]
    free = {"invoice_id": invoice.pk + 99}

    refused("given_once", again(second, **free))
    refused("no_gap", again(second, number=4, previous=3, **free))
    refused("follows_the_previous", again(second, number=4, previous=2, **free))
    refused("follows_the_previous", again(second, number=4, previous=None, **free))
    refused("one_per_invoice", again(second, number=3, previous=2))
    refused("series_once", again(InvoiceSeries.objects.get(kind="invoice")))


@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["quota_invoice", "quota_invoicenumber"])
def test_an_invoice_is_never_changed(account: Account, table: str, change: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change.format(table))


def test_not_even_the_owner_changes_an_invoice(db: None) -> None:
    with as_owner() as owner:
        found = owner.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgname = 'append_only'"
        )
        tables = {name for (name,) in found}

    assert {"quota_invoice", "quota_invoicenumber"} <= tables


def test_reconcile_sees_a_top_up_that_was_paid_without_money(
    top_up: TopUp, now: datetime
) -> None:
    TopUp.objects.update(method="stripe", state="paid", paid_at=now)

    assert [claim[:20] for claim in broken()] == ["every paid top-up is"]


def test_reconcile_sees_a_transfer_taken_back_without_money(
    transfer: BankTransfer, now: datetime
) -> None:
    BankTransfer.objects.update(reversed_at=now)

    assert [claim[:22] for claim in broken()] == ["every recorded bank tr"]


def test_reconcile_sees_a_series_that_counts_wrong(account: Account) -> None:
    InvoiceSeries.objects.filter(kind="invoice").update(last=3)

    assert [claim[:21] for claim in broken()] == ["invoices are numbered"]


def test_reconcile_sees_an_order_marked_without_its_invoice(
    account: Account, now: datetime
) -> None:
    buy(account, Basket(quantity=300), now)
    Order.objects.update(invoiced_at=now)

    assert [claim[:29] for claim in broken()] == ["every order that was invoiced"]
