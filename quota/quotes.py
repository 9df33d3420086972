"""What is asked for and what it would cost: made by services, worded by pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from accounts.models import Account
from quota.models import QuotaPack, Subscription, Tariff
from quota.rules.pricing import EditionQuote, PackQuote
from quota.rules.renewal import PackRenewal


@dataclass(frozen=True, slots=True)
class Basket:
    """What is asked for: a pack of ``quantity`` scans a month, Professional Edition
    (``cores`` for ``months``), or both in one order."""

    quantity: int = 0
    cores: int = 0
    months: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a basket now. ``state`` names what it was made from (rules 4.6)."""

    basket: Basket
    account: Account
    subscription: Subscription | None
    tariff: Tariff
    edition: EditionQuote | None
    pack: PackQuote | None
    total: Decimal
    state: str

    @property
    def runs_until(self) -> datetime:
        """The end of Professional Edition with this order."""
        if self.edition:
            return self.edition.ends_at
        assert self.subscription  # noqa: S101 -- quote() refuses a pack without one
        return self.subscription.ends_at

    @property
    def asks_extra_tick(self) -> bool:
        """Whether a last month of under 24 hours is charged (rules 4.3)."""
        return self.pack is not None and self.pack.uncharged_from is not None


@dataclass(frozen=True, slots=True)
class RenewalBasket:
    """By how many ``months`` to renew, and at what quantity each pack, by its id: 0
    drops it; a pack that is not named is kept as it is. Those of ``left_out`` are
    neither renewed nor dropped."""

    months: int
    kept: Mapping[int, int] = field(default_factory=dict)
    left_out: frozenset[int] = frozenset()

    def asked(self) -> dict[str, object]:
        """The request as plain data, kept with the order to recognise a replay."""
        kept = {str(pack): quantity for pack, quantity in sorted(self.kept.items())}
        left_out = {"left_out": sorted(self.left_out)} if self.left_out else {}
        return {"months": self.months, "kept": kept, **left_out}


@dataclass(frozen=True, slots=True)
class PackOffer:
    """One pack of a renewal: what it is kept at and what that appends.

    ``stays_until`` is where a pack that is not renewed ends.
    """

    pack: QuotaPack
    kept: int
    renewal: PackRenewal
    stays_until: datetime
    is_left_out: bool


@dataclass(frozen=True, slots=True)
class RenewalQuote:
    """The price of a renewal now. ``state`` names the E it extends, and the tariff.

    ``packs`` are those renewed or dropped; ``left_out`` are those whose refund is asked
    for or carried out; ``growing`` were dropped before. Of the last two only a cut
    last window grows.
    """

    basket: RenewalBasket
    account: Account
    subscription: Subscription
    tariff: Tariff
    term_number: int
    edition: EditionQuote
    packs: Sequence[PackOffer]
    left_out: Sequence[PackOffer]
    growing: Sequence[PackOffer]
    total: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What auto-renewal would do next: when, for how much, and whether the balance
    covers it (``missing`` is 0 then); ``left_out`` are the packs whose refund is asked
    for."""

    next_at: datetime | None
    price: Decimal
    missing: Decimal
    left_out: Sequence[QuotaPack] = ()
    is_on: bool = False

    @property
    def is_covered(self) -> bool:
        """Whether the balance, without a debt, pays it."""
        return not self.missing
