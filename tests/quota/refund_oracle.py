"""The rules of refunds a second time, in cents and fractions (rules 8)."""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import floor

from tests.quota.oracle import DAY, Edition, Oracle, Pack, Scan

CENTS_PER_TENTH = Fraction(6, 10)
ALONE = 60
OPEN = ("requested", "awaiting_second", "closing")
SIGNED = ("awaiting_second", "closing", "approved")
Thing = Pack | Edition


@dataclass(eq=False)
class Request:
    """One request; ``by_hand`` is an amount in cents that is not the computed one."""

    thing: Thing
    state: str = "requested"
    by_hand: int | None = None
    amount: int = 0
    holds: str = ""
    approved_at: datetime | None = None
    decided_at: datetime | None = None


@dataclass
class RefundOracle(Oracle):
    """What an account's books must say when things are paid back."""

    requests: list[Request] = field(default_factory=list)

    def refundable(
        self, thing: Thing, now: datetime, decided_at: datetime | None = None
    ) -> int:
        """Paid less used, rounded half up once, from nothing to what was paid; nothing
        when the decision is made after the end."""
        edition = thing.edition if isinstance(thing, Pack) else thing
        if (decided_at or now) >= edition.end:
            return 0
        exact = _paid(thing) - _used(thing, now)
        return max(0, min(floor(exact + Fraction(1, 2)), _paid(thing)))

    def _in_the_way(self, edition: Edition, now: datetime) -> bool:
        return any(
            window.free and window.ends_at > now
            for pack in self.packs
            if pack.edition is edition and not pack.is_closed
            for window in pack.windows
        )

    def can_ask(self, thing: Thing, now: datetime) -> bool:
        """One request of a thing at a time, as long as something is left of it."""
        known = [request.state for request in self.requests if request.thing is thing]
        if any(state in (*OPEN, "approved") for state in known):
            return False
        if isinstance(thing, Pack):
            over = all(window.ends_at <= now for window in thing.windows)
        else:
            over = self._in_the_way(thing, now)
        return not over and self.refundable(thing, now) > 0

    def ask(self, thing: Thing, now: datetime) -> bool:
        """The customer asks for it back."""
        if can := self.can_ask(thing, now):
            self.requests.append(Request(thing))
        return can

    def give_up(self, request: Request, state: str) -> bool:
        """Reject or withdraw an open one; its pack is drawn from again."""
        if request.state not in OPEN:
            return False
        request.state = state
        self._freeze(request, frozen=False)
        return True

    def approve(
        self,
        request: Request,
        now: datetime,
        *,
        by_hand: int | None,
        holds: str,
        may_override: bool,
    ) -> bool:
        """Sign it, and carry it out unless a second person is needed."""
        thing = request.thing
        edition = thing.edition if isinstance(thing, Pack) else thing
        if request.state != "requested" or (
            isinstance(thing, Edition) and self._in_the_way(thing, now)
        ):
            return False
        computed = self.refundable(thing, now)
        amount = computed if by_hand is None else by_hand
        if now >= edition.end and not may_override:
            return False
        if not 0 < amount <= _paid(thing):
            return False
        others = [
            other.amount
            for other in self.requests
            if other is not request
            and other.state in SIGNED
            and other.approved_at
            and other.approved_at > now - 30 * DAY
        ]
        request.by_hand = None if amount == computed else amount
        request.amount, request.holds = amount, holds
        request.approved_at = request.decided_at = now
        self._freeze(request, frozen=True)
        if sum(others) + amount > ALONE:
            request.state = "awaiting_second"
        else:
            self._carry_out(request, now)
        return True

    def confirm(self, request: Request, now: datetime, *, may_override: bool) -> bool:
        """The second person signs it, if anything is left."""
        thing = request.thing
        edition = thing.edition if isinstance(thing, Pack) else thing
        if request.state != "awaiting_second" or (
            isinstance(thing, Edition) and self._in_the_way(thing, now)
        ):
            return False
        if now >= edition.end and not may_override:
            return False
        amount = self._amount(request, now, now)
        if not amount:
            return False
        request.amount, request.decided_at = amount, now
        self._carry_out(request, now)
        return True

    def finish(self, now: datetime) -> None:
        """Pay those whose last scan has ended."""
        for request in self.requests:
            if request.state == "closing" and not self._holding(request):
                self._end(request, now)

    def _carry_out(self, request: Request, now: datetime) -> None:
        request.state = "closing"
        if request.holds == "stop":
            for scan in self._holding(request):
                self.release(scan)
        if not self._holding(request):
            self._end(request, now)

    def _holding(self, request: Request) -> list[Scan]:
        return self.holding(request.thing) if isinstance(request.thing, Pack) else []

    def _amount(self, request: Request, now: datetime, decided_at: datetime) -> int:
        if request.by_hand is None:
            return self.refundable(request.thing, now, decided_at)
        return min(request.by_hand, _paid(request.thing))

    def _end(self, request: Request, now: datetime) -> None:
        assert request.decided_at
        thing, amount = request.thing, self._amount(request, now, request.decided_at)
        if not amount:
            self.give_up(request, "rejected")
            return
        request.state, request.amount = "approved", amount
        self.balance += amount
        if isinstance(thing, Edition):
            thing.is_refunded, thing.end = True, min(thing.end, now)
            return
        thing.is_closed = True
        for window in thing.windows:
            if window.ends_at > now:
                window.revoked += window.free

    def _freeze(self, request: Request, *, frozen: bool) -> None:
        if isinstance(request.thing, Pack):
            request.thing.is_frozen = frozen


def _paid(thing: Thing) -> int:
    if isinstance(thing, Pack):
        return thing.paid
    return sum(price for _, _, price in thing.terms)


def _used(thing: Thing, now: datetime) -> Fraction:
    if isinstance(thing, Pack):
        return CENTS_PER_TENTH * sum(window.used for window in thing.windows)
    used = Fraction(0)
    for starts, ends, price in thing.terms:
        days = -(-(ends - starts) // DAY)
        begun = 0 if now < starts else min(days, (now - starts) // DAY + 1)
        used += Fraction(price * begun, days)
    return used
