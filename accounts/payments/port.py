"""What the product asks of a way to pay, whatever provider stands behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from accounts.errors import Refusal


class PaymentUnavailable(Refusal):
    """The provider could not be reached or did not answer: nothing is known to have
    happened, and the same press may be repeated."""

    def __init__(self) -> None:
        super().__init__(
            "The payment service does not answer at the moment. Nothing was taken. "
            "Try again in a minute, or pay by bank transfer."
        )


class PaymentRefused(Refusal):
    """The provider will not take this payment."""

    def __init__(self) -> None:
        super().__init__(
            "The payment service did not accept this payment. Nothing was taken. "
            "Try another method."
        )


class ForgedEvent(Exception):
    """An event that the provider did not sign, or signed too long ago."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A payment to be made: ``name`` finds our own row again, ``key`` is sent along so
    that asking twice makes one payment page."""

    name: str
    key: UUID
    amount: Decimal
    currency: str
    description: str
    email: str
    done_url: str
    back_url: str


@dataclass(frozen=True, slots=True)
class Started:
    """Where the customer goes on: a page of the provider, or of ours where empty."""

    session: str = ""
    page: str = ""


class Standing(StrEnum):
    """How a payment stands at its provider."""

    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Found:
    """A payment as its provider sees it."""

    standing: Standing
    session: str
    payment: str
    amount: Decimal
    currency: str


class Effect(StrEnum):
    """What an event means for the balance."""

    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"
    TAKE = "take"
    RETURN = "return"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Event:
    """Something a provider tells us. ``thing`` is what it is about (a session, a
    refund, a dispute); ``name`` is ours of the payment, where the provider knows it."""

    id: str
    kind: str
    effect: Effect
    thing: str
    name: str = ""
    session: str = ""
    payment: str = ""
    amount: Decimal = Decimal(0)
    currency: str = ""


class Gateway(Protocol):
    """A way to pay. Calls go out of the process: never inside a transaction."""

    def start(self, asked: Asked) -> Started:
        """Prepare a payment; the same key again returns the same page. Raises
        PaymentUnavailable when nothing is known, PaymentRefused when it is."""
        ...

    def find(self, session: str) -> Found | None:
        """Ask how a payment stands; None where the provider cannot know."""
        ...

    def read_event(
        self, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> Event:
        """Check the signature of an event and read it. Raises ForgedEvent."""
        ...

    def missed_events(self, since: datetime) -> Sequence[Event]:
        """Events that could not be delivered to us."""
        ...
