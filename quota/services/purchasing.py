"""Buying Professional Edition and quota packs: quote, then pay from the balance."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.models import Account, Notice, User
from accounts.money import format_money
from accounts.services import notices
from quota.errors import InvalidQuantity, NotActive, QuoteMoved
from quota.models import (
    Order,
    QuotaPack,
    Subscription,
    Tariff,
)
from quota.quotes import Basket, Quote
from quota.rules.lifecycle import SubscriptionState
from quota.rules.pricing import (
    PackQuote,
    QuantityError,
    check_quantity,
    quote_edition,
    quote_pack,
)
from quota.services import ordering, terminating, waking


def quote(*, account: Account, basket: Basket, now: datetime) -> Quote:
    """Price a basket at ``now``. Refuses what is not sold (rules 4.1, 10)."""
    tariff = Tariff.objects.in_force(account.currency, now)
    subscription = Subscription.objects.current(account.pk, now)
    _check_possible(basket, subscription, now)
    try:
        if basket.quantity:
            check_quantity(
                basket.quantity, step=tariff.step, maximum=tariff.max_quantity
            )
        return _priced(account, basket, subscription, tariff, now)
    except QuantityError as refusal:
        raise InvalidQuantity(str(refusal)) from refusal


def _check_possible(
    basket: Basket, subscription: Subscription | None, now: datetime
) -> None:
    if not (basket.quantity or basket.months):
        raise InvalidQuantity("Enter how many scans a month to buy.")
    if basket.months and subscription:
        raise NotActive("Professional Edition is already bought; it can be renewed.")
    if basket.months:
        return
    if subscription is None:
        raise NotActive("Image scan is sold with Professional Edition. Buy that first.")
    state = subscription.state(now)
    if state is SubscriptionState.SUSPENDED:
        raise NotActive(
            "Professional Edition has expired. Renew it before you buy more quota."
        )
    if state is not SubscriptionState.ACTIVE:
        raise NotActive(
            "Professional Edition has expired and can no longer be renewed. It can be "
            "bought anew once it is terminated."
        )


def _priced(
    account: Account,
    basket: Basket,
    subscription: Subscription | None,
    tariff: Tariff,
    now: datetime,
) -> Quote:
    edition = pack = None
    end = subscription.ends_at if subscription else now
    if basket.months:
        edition = quote_edition(
            cores=basket.cores,
            months=basket.months,
            anchor=now,
            zone=account.zone_info,
            edition_price=tariff.edition_price,
            currency=tariff.currency,
        )
        end = edition.ends_at
    if basket.quantity:
        pack = quote_pack(
            quantity=basket.quantity,
            anchor=now,
            end=end,
            zone=account.zone_info,
            quota_price=tariff.quota_price,
            currency=tariff.currency,
        )
    total = sum((line.total for line in (edition, pack) if line), Decimal(0))
    return Quote(
        basket=basket,
        account=account,
        subscription=subscription,
        tariff=tariff,
        edition=edition,
        pack=pack,
        total=total,
        state=_state(account, tariff),
    )


def _state(account: Account, tariff: Tariff) -> str:
    return f"{Order.objects.last_number(account.pk)}.{tariff.pk}"


@transaction.atomic
def buy(
    *,
    account: Account,
    basket: Basket,
    state: str,
    total: Decimal,
    key: UUID,
    by: User | None,
    now: datetime,
    accepts_short: bool = False,
) -> Order:
    """Pay a quoted basket from the balance and grant its quota, in one transaction.

    A second call with the same ``key`` returns the first call's order; with another
    basket it is refused (409). If the account's latest order or the tariff moved since
    the quote, or the price is not ``total``, nothing is charged (409, rules 4.6). A
    last month of under 24 hours must be accepted by name (rules 4.3).
    """
    locked = Account.objects.lock(account.pk)
    asked = {
        "quantity": basket.quantity,
        "cores": basket.cores,
        "months": basket.months,
    }
    if earlier := ordering.made_before(locked, key, asked):
        return earlier
    now_quoted = quote(account=locked, basket=basket, now=now)
    if now_quoted.state != state:
        raise QuoteMoved(
            "Something was bought since this price was shown. Check the new total, "
            "then pay again."
        )
    if now_quoted.total != total:
        raise QuoteMoved(
            "The price changed while you were deciding. Check the new total, then pay "
            "again."
        )
    if now_quoted.asks_extra_tick and not accepts_short:
        raise InvalidQuantity(
            "The last month is shorter than a day and is charged whole. Tick the box"
            " beside the price to accept that."
        )
    return _paid(now_quoted, asked, key, by, now)


def _paid(
    quoted: Quote, asked: dict[str, int], key: UUID, by: User | None, now: datetime
) -> Order:
    order = ordering.pay(
        account=quoted.account,
        kind=Order.Kind.PURCHASE,
        asked=asked,
        total=quoted.total,
        key=key,
        by=by,
        now=now,
    )
    subscription = quoted.subscription or _begin(quoted, order, now)
    if quoted.pack:
        _grant(quoted, quoted.pack, order, subscription, now)
    _tell(quoted, order, now)
    waking.wake_invoicing(order.account_id)
    return order


def _tell(quoted: Quote, order: Order, now: datetime) -> None:
    edition, pack = quoted.edition, quoted.pack
    lines = [
        f"Professional Edition, {edition.formula}" if edition else "",
        f"Image scan quota, {pack.formula}" if pack else "",
    ]
    notices.queue(
        account=quoted.account,
        kind=Notice.Kind.ORDER_PAID,
        audience=notices.Audience.MONEY,
        subject=f"order:{order.number}",
        context={
            "order": order.label,
            "what": "; ".join(line for line in lines if line),
            "amount": format_money(order.total, order.currency),
        },
        now=now,
    )


def _give_up_what_was_before(account: Account, now: datetime) -> None:
    """Mark the data of a terminated subscription for deletion, whether or not the job
    has come to it (rules 6)."""
    before = Subscription.objects.terminated(now).filter(account=account)
    for subscription in before.filter(terminated_at=None).order_by("pk"):
        terminating.mark(subscription=subscription, now=now)


def _begin(quoted: Quote, order: Order, now: datetime) -> Subscription:
    edition = quoted.edition
    assert edition  # noqa: S101 -- quote() refuses a pack without an edition
    _give_up_what_was_before(quoted.account, now)
    before = Subscription.objects.refunded(quoted.account.pk, now)
    subscription = Subscription.objects.create(
        account=quoted.account,
        history_since=before.history if before else None,
        anchor=now,
        zone=quoted.account.zone,
        cores=edition.cores,
        ends_at=edition.ends_at,
        created_at=now,
    )
    ordering.add_term(order, subscription, quoted.tariff, edition)
    return subscription


def _grant(
    quoted: Quote,
    priced: PackQuote,
    order: Order,
    subscription: Subscription,
    now: datetime,
) -> None:
    pack = QuotaPack.objects.create(
        account=quoted.account,
        subscription=subscription,
        order=order,
        tariff=quoted.tariff,
        quantity=priced.quantity,
        anchor=now,
        zone=quoted.account.zone,
    )
    position = 2 if quoted.edition else 1
    ordering.add_windows(order, pack, quoted.tariff, priced, position=position)
