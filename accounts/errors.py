"""Refusals: sentences a customer may read, with the numbers as attributes."""

from datetime import datetime
from decimal import Decimal

from accounts.money import format_money


class Refusal(Exception):
    """Something was asked that cannot be done; nothing has changed.

    ``str()`` is a sentence that says what is wrong and what to do. ``status`` is the
    HTTP status an edge answers with (rules 10).
    """

    status = 422


class Conflict(Refusal):
    """The state moved, or the request contradicts an earlier one (409)."""

    status = 409


class InsufficientBalance(Refusal):
    """The balance does not cover a payment (rules 4.7)."""

    def __init__(self, *, needed: Decimal, balance: Decimal, currency: str) -> None:
        self.needed = needed
        self.balance = balance
        self.missing = needed - balance
        super().__init__(
            f"Balance is {format_money(balance, currency)} and this costs "
            f"{format_money(needed, currency)}. Top up "
            f"{format_money(self.missing, currency)} first."
        )


class DebtOutstanding(Refusal):
    """A reversal left a debt; nothing can be bought until it is paid (rules 4.7)."""

    def __init__(self, *, debt: Decimal, currency: str) -> None:
        self.debt = debt
        super().__init__(
            f"{format_money(debt, currency)} is still owed from a reversed payment. "
            "The next top-up pays it first; then you can buy again."
        )


class ReferenceReused(Conflict):
    """A reference came again with another amount or kind (409)."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"{reference} is already booked as something else. Nothing was booked "
            "twice; look at the movements of the account."
        )


class KeyReused(Conflict):
    """A press's key came again with other input (409, rules 4.6)."""

    def __init__(self) -> None:
        super().__init__(
            "This form was already sent with other values. Load the page again."
        )


class AmountOutOfRange(Refusal):
    """A top-up below or above what can be paid in at once."""


class StaffIsMember(Refusal):
    """Staff decide nothing about money of an account they are a member of (403)."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "You are a member of this account, so a colleague has to do this."
        )


class NothingToDo(Conflict):
    """What was to be decided is decided already (409)."""


class SecondPersonNeeded(Refusal):
    """Whoever asked for it may not confirm it (403)."""

    status = 403

    def __init__(self) -> None:
        super().__init__("A second person has to confirm what you asked for.")


class TooMany(Refusal):
    """Something was tried too often (429)."""

    status = 429

    def __init__(self, *, until: datetime, now: datetime) -> None:
        self.until = until
        self.seconds = max(1, int((until - now).total_seconds()))
        minutes = -(-self.seconds // 60)
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        super().__init__(f"Too many tries. Wait {wait} and try again.")


class NotFound(Refusal):
    """There is no such thing, or it is somebody else's (404)."""

    status = 404


class Forbidden(Refusal):
    """Not for this person (403)."""

    status = 403
