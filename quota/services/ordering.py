"""What every paid order does: once per key, from the balance, line by line."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.errors import KeyReused
from accounts.models import Account, BalanceEntry, User
from accounts.services import balance
from quota import ledger
from quota.models import (
    Order,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    Subscription,
    Tariff,
    Term,
)
from quota.rules.pricing import EditionQuote, PackQuote

# What the balance entry of an order says it is.
PAID_AS = {
    Order.Kind.PURCHASE: BalanceEntry.Kind.PURCHASE,
    Order.Kind.RENEWAL: BalanceEntry.Kind.RENEWAL,
}


def made_before(account: Account, key: UUID, asked: Mapping[str, Any]) -> Order | None:
    """The order that this key made, or None. Refuses a key that came with other input
    (409, rules 4.6)."""
    earlier = Order.objects.filter(account=account, key=key).first()
    if earlier and earlier.asked != asked:
        raise KeyReused
    return earlier


def pay(
    *,
    account: Account,
    kind: Order.Kind,
    asked: Mapping[str, Any],
    total: Decimal,
    key: UUID,
    by: User | None,
    now: datetime,
) -> Order:
    """Write the account's next order and pay it from the balance; the caller holds the
    account's lock. Refuses a balance that is short, and any debt (rules 4.7)."""
    order = Order.objects.create(
        account=account,
        number=1 + Order.objects.last_number(account.pk),
        kind=kind,
        key=key,
        asked=asked,
        total=total,
        currency=account.currency,
        by=by,
        created_at=now,
    )
    balance.pay(
        account=account,
        amount=total,
        kind=PAID_AS[kind],
        reference=f"order:{order.number}",
        by=by,
        now=now,
    )
    return order


def add_term(
    order: Order,
    subscription: Subscription,
    tariff: Tariff,
    edition: EditionQuote,
    number: int = 1,
) -> None:
    """Write a term of Professional Edition and the order's line that sold it."""
    span = {"starts_at": edition.starts_at, "ends_at": edition.ends_at}
    Term.objects.create(
        account_id=order.account_id,
        subscription=subscription,
        order=order,
        tariff=tariff,
        number=number,
        months=edition.months,
        cores=edition.cores,
        **span,
    )
    OrderLine.objects.create(
        account_id=order.account_id,
        order=order,
        position=1,
        kind=OrderLine.Kind.EDITION,
        quantity=edition.cores,
        unit_price=tariff.edition_price,
        periods=edition.months,
        amount=edition.total,
        formula=edition.formula,
        **span,
    )


def add_windows(
    order: Order,
    pack: QuotaPack,
    tariff: Tariff,
    priced: PackQuote,
    *,
    position: int,
    first_number: int = 0,
) -> None:
    """Open a pack's next windows, grant their quota and write the line that sold it."""
    windows = QuotaWindow.objects.bulk_create(
        QuotaWindow(
            account_id=order.account_id,
            pack=pack,
            tariff=tariff,
            number=number,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            granted_tenths=window.grant_tenths,
        )
        for number, window in enumerate(priced.windows, first_number)
    )
    ledger.grant([window.pk for window in windows], order.account_id, order.created_at)
    OrderLine.objects.create(
        account_id=order.account_id,
        order=order,
        position=position,
        kind=OrderLine.Kind.PACK,
        pack=pack,
        quantity=priced.quantity,
        unit_price=tariff.quota_price,
        periods=len(priced.windows),
        starts_at=priced.windows[0].starts_at,
        ends_at=priced.windows[-1].ends_at,
        amount=priced.total,
        formula=priced.formula,
    )
