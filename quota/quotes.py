"""What is asked for and what it would cost: made by services, worded by pages."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.models import Account
from quota.models import Subscription, Tariff
from quota.rules.pricing import EditionQuote, PackQuote


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
