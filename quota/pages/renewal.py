"""The renew form: lengths with their prices, packs, the quote line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse

from accounts.models import Account
from accounts.money import format_money
from quota.models import AutoRenewSwitch, QuotaWindow, Subscription
from quota.pages.purchase import QuoteRow, top_up_url
from quota.pages.words import Clock, plural
from quota.quotes import Outlook, PackOffer, RenewalQuote
from quota.rules.renewal import DROPPED
from quota.rules.units import TENTHS, format_quota

YEAR = 12


@dataclass(frozen=True, slots=True)
class LengthChoice:
    """One of the choices under *How long*."""

    value: str
    label: str
    until: str
    price: str
    missing: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class PackField:
    """The quantity of one pack."""

    name: str
    id: int
    label: str
    kept: int
    most: int
    words: str
    less: str
    more: str


@dataclass(frozen=True, slots=True)
class PackLines:
    """One pack of the quote: its sum, and its months one by one."""

    title: str
    words: str
    price: str
    months: Sequence[QuoteRow]


@dataclass(frozen=True, slots=True)
class RenewalWords:
    """The quote in words; no price is computed here."""

    total: str
    total_value: Decimal
    state: str
    edition: QuoteRow
    packs: Sequence[PackLines]
    balance_now: str
    balance_after: str
    missing: str
    top_up_url: str
    covers: str
    fewer: str


def quote_words(quoted: RenewalQuote, now: datetime) -> RenewalWords:
    """The edition, then every pack: what grows for nothing and what is charged."""
    account, clock = quoted.account, Clock(quoted.account, now)
    after = account.balance - account.debt - quoted.total
    late = " Scanning restarts at once." if now >= quoted.edition.starts_at else ""
    return RenewalWords(
        total=format_money(quoted.total, account.currency),
        total_value=quoted.total,
        state=quoted.state,
        edition=QuoteRow(
            "Professional Edition",
            quoted.edition.formula.partition(" = ")[0],
            format_money(quoted.edition.total, account.currency),
        ),
        packs=[
            _pack_lines(offer, account, clock)
            for offer in (*quoted.packs, *quoted.left_out, *quoted.growing)
        ],
        balance_now=format_money(account.balance, account.currency),
        balance_after=format_money(max(after, Decimal(0)), account.currency),
        missing=format_money(-after, account.currency) if after < 0 else "",
        top_up_url=top_up_url(account, -after, _renewal_url(quoted)),
        covers=(
            f"Covers {clock.running_moment(quoted.edition.starts_at)} to"
            f" {clock.running_moment(quoted.edition.ends_at)}. The new term counts"
            f" from the end of the old one.{late}"
        ),
        fewer=_fewer_words(quoted, now),
    )


def _renewal_url(quoted: RenewalQuote) -> str:
    """The renewal with its length and quantities."""
    months = quoted.basket.months
    asked = {"months": months, "other": months} | {
        f"pack_{offer.pack.pk}": offer.kept for offer in quoted.packs
    }
    url = reverse("quota:subscription", args=[quoted.account.slug])
    return f"{url}?{urlencode(asked)}"


def _fewer_words(quoted: RenewalQuote, now: datetime) -> str:
    """``600 is less than the 861 you used last month.``, where less is kept than the
    last whole months of the purchases took."""
    kept = sum(offer.kept for offer in quoted.packs)
    if all(offer.kept == offer.pack.quantity for offer in quoted.packs):
        return ""
    over = QuotaWindow.objects.filter(
        account=quoted.account,
        pack__subscription=quoted.subscription,
        pack__closed_at=None,
        ends_at__lte=now,
    )
    lasts = over.order_by("pack", "-number").distinct("pack")
    used = sum(lasts.values_list("used_tenths", flat=True))
    if kept * TENTHS >= used:
        return ""
    if not kept:
        return f"Nothing is kept, and you used {format_quota(used)} last month."
    return f"{kept:,} is less than the {format_quota(used)} you used last month."


def _pack_lines(offer: PackOffer, account: Account, clock: Clock) -> PackLines:
    growth, priced = offer.renewal.growth, offer.renewal.priced
    months = [
        QuoteRow(
            f"{clock.date(window.starts_at)} to {clock.date(window.ends_at)}",
            f"{window.grant_tenths // TENTHS:,} scans"
            + (", a short month" if window.is_short else ""),
            format_money(window.price, account.currency),
        )
        for window in (priced.windows if priced else ())
    ]
    if growth:
        span = f"{clock.date(growth.starts_at)} to {clock.date(growth.grown_to)}"
        words = f"runs on from {clock.date(growth.ends_at)} with what is left in it"
        months.insert(0, QuoteRow(span, words, "Free"))
    words = priced.formula.partition(" = ")[0] if priced else "Nothing to pay"
    if offer.is_left_out:
        words = f"Left out while it is refunded; ends {clock.date(offer.stays_until)}"
    elif offer.kept == DROPPED:
        words = "Dropped"
    return PackLines(
        title=f"{offer.kept or offer.pack.quantity:,} scans a month",
        words=words,
        price=format_money(offer.renewal.total, account.currency),
        months=months,
    )


def length_choices(
    quotes: Sequence[RenewalQuote], chosen: int, now: datetime
) -> Sequence[LengthChoice]:
    """The lengths offered by name, years in years, with what each would cost."""
    return [_choice(quoted, chosen, Clock(quoted.account, now)) for quoted in quotes]


def _choice(quoted: RenewalQuote, chosen: int, clock: Clock) -> LengthChoice:
    account, months = quoted.account, quoted.basket.months
    missing = quoted.total + account.debt - account.balance
    short = format_money(missing, account.currency) if missing > 0 else ""
    years, rest = divmod(months, YEAR)
    label = plural(years, "year") if years and not rest else plural(months, "month")
    return LengthChoice(
        value=str(months),
        label=label,
        until=f"To {clock.running_moment(quoted.edition.ends_at)}",
        price=format_money(quoted.total, account.currency),
        missing=f"Top up {short} first" if short else "",
        chosen=months == chosen,
    )


def pack_fields(
    quoted: RenewalQuote, kept: Mapping[int, int], now: datetime
) -> Sequence[PackField]:
    """The packs that can be kept, shrunk or dropped, with what was typed."""
    clock, step = Clock(quoted.account, now), quoted.tariff.step
    return [
        PackField(
            name=f"pack_{offer.pack.pk}",
            id=offer.pack.pk,
            label=f"{offer.pack.quantity:,} scans a month, bought"
            f" {clock.date(offer.pack.anchor)}",
            kept=kept.get(offer.pack.pk, offer.kept),
            most=offer.pack.quantity,
            words=f"At most {offer.pack.quantity:,}, in steps of {step}; 0 drops it.",
            less=f"{offer.pack.pk}:-{step}",
            more=f"{offer.pack.pk}:{step}",
        )
        for offer in quoted.packs
    ]


@dataclass(frozen=True, slots=True)
class AutoRenewal:
    """The switch, and what it would do next."""

    is_on: bool
    words: str
    short: str
    switched: str


def auto_renewal_words(
    outlook: Outlook,
    account: Account,
    now: datetime,
    subscription: Subscription,
) -> AutoRenewal:
    """What the next attempt takes and when, whether the balance covers it, and who
    switched it last."""
    is_on = subscription.auto_renew
    clock = Clock(account, now)
    price = format_money(outlook.price, account.currency)
    when = f"tried {clock.within(outlook.next_at)}" if outlook.next_at else ""
    if not is_on and now >= subscription.ends_at:
        when = "tried at once when switched on"
    covered = "The balance covers it." if outlook.is_covered else ""
    left_out = " and ".join(map(str, outlook.left_out))
    without = f"Without {left_out}, whose refund is asked for." if left_out else ""
    missing = format_money(outlook.missing, account.currency)
    return AutoRenewal(
        is_on=is_on,
        words=" ".join(
            filter(None, (f"One month for {price}, {when}.", without, covered))
        ),
        short="" if outlook.is_covered else f"The balance is {missing} short.",
        switched=last_switch_words(subscription, clock),
    )


def last_switch_words(subscription: Subscription, clock: Clock) -> str:
    """``Switched on by Mei Tanaka, 3 Mar, 10:02``; empty where it never was."""
    turned = AutoRenewSwitch.objects.filter(
        account=subscription.account_id, subscription=subscription
    ).select_related("by")
    last = turned.order_by("-pk").first()
    if last is None:
        return ""
    return (
        f"{last} by {last.by or 'the system'}, {clock.running_moment(last.created_at)}"
    )


def switched_words(
    outlook: Outlook | None, account: Account, now: datetime, *, is_on: bool
) -> str:
    """The flash after the switch."""
    if not is_on:
        return "Auto-renew is off."
    if outlook is None:
        return "Auto-renew is on."
    price = format_money(outlook.price, account.currency)
    day = Clock(account, now).date(outlook.next_at or now)
    return f"Auto-renew is on. {price} is taken on {day} if your balance covers it."
