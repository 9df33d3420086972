"""Renewing Professional Edition and its packs: quote, then pay from the balance."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.models import Account, Notice, User
from accounts.money import format_money
from accounts.services import notices
from quota.errors import InvalidQuantity, NotActive, QuoteMoved
from quota.models import (
    Order,
    QuotaPack,
    QuotaWindow,
    Subscription,
)
from quota.quotes import PackOffer, RenewalBasket, RenewalQuote
from quota.rules.dates import moment_words
from quota.rules.pricing import QuantityError
from quota.rules.renewal import (
    DROPPED,
    check_kept,
    months_allowed,
    renew_edition,
    renew_pack,
    total_of,
)
from quota.services import ordering, waking
from quota.services.renewal_ground import CLOSED, Ground, Held, stand

PRESETS = (1, 3, 6, 12, 24, 36)


def quote(*, account: Account, basket: RenewalBasket, now: datetime) -> RenewalQuote:
    """Price a renewal at ``now``. Refuses what cannot be renewed (rules 4.5, 6)."""
    return price(stand(account, now), basket)


def price(ground: Ground, basket: RenewalBasket) -> RenewalQuote:
    """Price a renewal on a ground that was read. Refuses quantities and lengths that
    are not sold."""
    try:
        return _priced(ground, basket)
    except QuantityError as refusal:
        raise InvalidQuantity(str(refusal)) from refusal


def choices(ground: Ground, kept: Mapping[int, int]) -> Sequence[RenewalQuote]:
    """Price the lengths that are offered by name, as far as they are possible."""
    most = months_allowed(
        months_before=ground.months,
        anchor=ground.subscription.anchor,
        zone=ground.subscription.zone_info,
        now=ground.now,
    )
    return [
        price(ground, RenewalBasket(months, kept))
        for months in PRESETS
        if months <= most
    ]


def _priced(ground: Ground, basket: RenewalBasket) -> RenewalQuote:
    subscription, tariff = ground.subscription, ground.tariff
    edition = renew_edition(
        cores=subscription.cores,
        months=basket.months,
        months_before=ground.months,
        anchor=subscription.anchor,
        old_end=subscription.ends_at,
        zone=subscription.zone_info,
        edition_price=tariff.edition_price,
        now=ground.now,
        currency=tariff.currency,
    )
    offers = _offers(ground, basket, edition.ends_at)
    return RenewalQuote(
        basket=basket,
        account=ground.account,
        subscription=subscription,
        tariff=tariff,
        term_number=ground.terms + 1,
        edition=edition,
        packs=[
            each for each in offers if not (each.is_left_out or each.pack.dropped_at)
        ],
        left_out=[each for each in offers if each.is_left_out],
        growing=[each for each in offers if each.pack.dropped_at],
        total=total_of(edition, [offer.renewal for offer in offers]),
        state=ground.state,
    )


def _offers(
    ground: Ground, basket: RenewalBasket, new_end: datetime
) -> Sequence[PackOffer]:
    packs = [held.pack for held in ground.packs]
    goes_on = {pack.pk for pack in packs if pack.dropped_at is None}
    frozen = {pack.pk for pack in packs if pack.frozen_at}
    renewable = goes_on - frozen - basket.left_out
    if basket.kept.keys() - renewable:
        raise QuantityError(
            "One of these purchases can no longer be renewed. Load the page again."
        )
    offers = [
        _offer(ground, held, basket, new_end, is_renewed=held.pack.pk in renewable)
        for held in ground.packs
    ]
    return [each for each in offers if each.pack.pk in goes_on or each.renewal.growth]


def _offer(
    ground: Ground,
    held: Held,
    basket: RenewalBasket,
    new_end: datetime,
    *,
    is_renewed: bool,
) -> PackOffer:
    pack, last, kept = held.pack, held.last, DROPPED
    if is_renewed:
        kept = basket.kept.get(pack.pk, pack.quantity)
        check_kept(kept, quantity=pack.quantity, step=ground.tariff.step)
    renewal = renew_pack(
        kept=kept,
        anchor=pack.anchor,
        zone=ZoneInfo(pack.zone),
        last=last,
        old_end=ground.subscription.ends_at,
        new_end=new_end,
        quota_price=ground.tariff.quota_price,
        currency=ground.tariff.currency,
    )
    growth = renewal.growth
    return PackOffer(
        pack,
        kept,
        renewal,
        stays_until=growth.grown_to if growth else last.ends_at,
        is_left_out=not is_renewed and pack.dropped_at is None,
    )


@transaction.atomic
def renew(
    *,
    account: Account,
    basket: RenewalBasket,
    state: str,
    total: Decimal,
    key: UUID,
    by: User | None,
    now: datetime,
) -> Order:
    """Pay a quoted renewal from the balance: a further term from the old end on, and
    the windows of its packs, in one transaction.

    A second call with the same ``key`` returns the first call's order; with other input
    it is refused (409). If the end or the tariff moved since the quote, or the price is
    not ``total``, nothing is charged (409, rules 4.6). Five times 24 hours after the
    end, to the instant, it is still possible; after that it is refused.
    """
    locked = Account.objects.lock(account.pk)
    if earlier := ordering.made_before(locked, key, basket.asked()):
        return earlier
    ground = stand(locked, now)
    if ground.state != state:
        raise QuoteMoved(
            "Professional Edition was renewed, or its price changed, since this was "
            "shown. Check the new total, then renew again."
        )
    quoted = price(ground, basket)
    if quoted.total != total:
        raise QuoteMoved(
            "The price changed while you were deciding. Check the new total, then "
            "renew again."
        )
    return _paid(quoted, key, by, now)


def _paid(quoted: RenewalQuote, key: UUID, by: User | None, now: datetime) -> Order:
    order = ordering.pay(
        account=quoted.account,
        kind=Order.Kind.RENEWAL,
        asked=quoted.basket.asked(),
        total=quoted.total,
        key=key,
        by=by,
        now=now,
    )
    _extend(quoted, order)
    _grow(quoted, [*quoted.packs, *quoted.left_out, *quoted.growing])
    _leave_out(quoted, now)
    for position, offer in enumerate(quoted.packs, start=2):
        _carry_over(quoted, offer, order, position, now)
    _tell(quoted, order, now)
    waking.wake_invoicing(order.account_id)
    return order


def _extend(quoted: RenewalQuote, order: Order) -> None:
    subscription, edition = quoted.subscription, quoted.edition
    ordering.add_term(order, subscription, quoted.tariff, edition, quoted.term_number)
    moved = Subscription.objects.filter(
        account=quoted.account, pk=subscription.pk, ends_at=edition.starts_at
    ).update(ends_at=edition.ends_at)
    if not moved:
        raise QuoteMoved("Professional Edition was just renewed. Load the page again.")


def _grow(quoted: RenewalQuote, offers: Sequence[PackOffer]) -> None:
    """Let the windows that the old end cut run on. Their grant was whole from the
    start, so only time is added. One that has lapsed is past all renewing."""
    grown = {
        (offer.pack.pk, growth.number): growth.grown_to
        for offer in offers
        if (growth := offer.renewal.growth)
    }
    windows = QuotaWindow.objects.filter(
        account=quoted.account, pack__in=[pack for pack, _ in grown]
    ).filter(ends_at=quoted.edition.starts_at)
    for window in windows.locked():
        if window.lapsed_at:
            raise NotActive(CLOSED)
        QuotaWindow.objects.filter(account=quoted.account, pk=window.pk).update(
            ends_at=grown[window.pack_id, window.number]
        )


def _leave_out(quoted: RenewalQuote, now: datetime) -> None:
    QuotaPack.objects.filter(
        account=quoted.account, pk__in=[offer.pack.pk for offer in quoted.left_out]
    ).update(left_out_at=now)


def _carry_over(
    quoted: RenewalQuote, offer: PackOffer, order: Order, position: int, now: datetime
) -> None:
    pack = QuotaPack.objects.filter(account=quoted.account, pk=offer.pack.pk)
    if offer.kept == DROPPED:
        pack.update(dropped_at=now, left_out_at=None)
        return
    if offer.kept < offer.pack.quantity or offer.pack.left_out_at:
        pack.update(quantity=offer.kept, left_out_at=None)
    priced = offer.renewal.priced
    if priced is None:
        return
    ordering.add_windows(
        order,
        offer.pack,
        quoted.tariff,
        priced,
        position=position,
        first_number=offer.renewal.first_number,
    )


def _until(offer: PackOffer) -> str:
    ends = moment_words(offer.stays_until, ZoneInfo(offer.pack.zone))
    return f"{offer.pack} until {ends}"


def _tell(quoted: RenewalQuote, order: Order, now: datetime) -> None:
    notices.queue(
        account=quoted.account,
        kind=Notice.Kind.RENEWED,
        audience=notices.Audience.MONEY,
        subject=f"order:{order.number}",
        context={
            "order": order.label,
            "amount": format_money(order.total, order.currency),
            "until": moment_words(
                quoted.edition.ends_at, quoted.subscription.zone_info
            ),
            "left_out": " and ".join(map(_until, quoted.left_out)),
        },
        now=now,
    )
