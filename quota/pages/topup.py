"""*Top up*: what is needed, what became of a top-up, and where to send a transfer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.urls import reverse

from accounts.models import Account, TopUp
from accounts.money import format_money
from quota.pages.words import Clock

HELD = Decimal("1.00")


@dataclass(frozen=True, slots=True)
class Preset:
    """An amount that somebody really needs."""

    value: str
    amount: str
    words: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay, with what to expect of it."""

    value: str
    name: str
    words: str
    press: str


WAYS = {
    "bank": Way(
        "bank",
        "Bank transfer",
        "You get a reference. Added when the money arrives.",
        "Get transfer details",
    ),
    "stripe": Way(
        "stripe",
        "Card or other method",
        "On Stripe's own page. Added at once.",
        "Top up",
    ),
}


@dataclass(frozen=True, slots=True)
class Press:
    """The button: what a press does, and how much with it."""

    words: str
    amount: str


def then_words(then: str) -> str:
    """What the money is for, as the link back to it says."""
    return f"Back to the {_paid_for(then)}"


def _paid_for(then: str) -> str:
    is_renewal = then.partition("?")[0].endswith("/subscription")
    return "renewal" if is_renewal else "purchase"


def press_words(way: Way, amount: str) -> Press:
    """*Get transfer details* takes nothing yet; the others say the amount."""
    return Press(way.press, "" if way.value == "bank" else amount)


def presets(
    account: Account, need: Decimal | None, then: str, renewal: Decimal | None
) -> Sequence[Preset]:
    """The shortfall this was opened for, which a debt is part of, that debt alone, and
    what the next renewal lacks."""
    wanted: list[tuple[Decimal, str]] = []
    if need:
        wanted.append((need, f"for this {_paid_for(then)}"))
    if account.debt:
        wanted.append((account.debt, "pays what is owed"))
    if renewal is not None and renewal > account.balance - account.debt:
        wanted.append(
            (renewal - account.balance + account.debt, "for the next renewal")
        )
    return [
        Preset(str(max(amount, HELD)), format_money(max(amount, HELD)), words)
        for amount, words in wanted
    ]


@dataclass(frozen=True, slots=True)
class TopUpPage:
    """One top-up: its state, and how to go on."""

    amount: str
    when: str
    state: str
    by_bank: bool
    page: str
    balance: str
    debt: str
    reference: str
    bank: Sequence[str]
    problem: bool
    url: str


def top_up_page(top_up: TopUp, account: Account, now: datetime) -> TopUpPage:
    """A top-up in words."""
    return TopUpPage(
        amount=format_money(top_up.amount, top_up.currency),
        when=Clock(account, now).moment(top_up.paid_at or top_up.created_at),
        state=top_up.state,
        by_bank=top_up.method == TopUp.Method.BANK,
        page=top_up.page,
        balance=format_money(account.balance, account.currency),
        debt=format_money(account.debt, account.currency) if account.debt else "",
        reference=top_up.reference,
        bank=settings.BANK_DETAILS,
        problem=bool(top_up.problem),
        url=reverse("quota:top-up-state", args=[account.slug, top_up.pk]),
    )
