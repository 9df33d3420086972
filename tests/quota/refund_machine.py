"""Refunds of packs and of Professional Edition at any moment of any history: asked for,
withdrawn, rejected, approved by one person or two, with scans stopped or awaited."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from accounts.errors import Refusal
from quota.models import OrderLine, QuotaPack, RefundRequest, Subscription, Term
from quota.services import auto_renewal, deciding, refunding
from tests.factories import creator_of
from tests.quota.machine import MOMENT, Books
from tests.quota.oracle import Pack
from tests.quota.refund_oracle import ALONE, OPEN, RefundOracle, Request, Thing
from tests.quota.refunds import approve, ask, proposal, staff

WHICH = st.integers(0, 99)
T = TypeVar("T")


class RefundBooks(Books):
    """The same account, whose things are paid back."""

    oracle: RefundOracle
    months = 5

    def new_oracle(self, zone: ZoneInfo) -> RefundOracle:
        """The books and the refunds a second time."""
        return RefundOracle(zone)

    @initialize()
    def hire(self) -> None:
        """Staff: two who decide, and one who may do it after the end."""
        self.stack.enter_context(
            override_settings(REFUND_SECOND_PERSON_ABOVE=Decimal(ALONE) / 100)
        )
        self.first, self.second = staff(), staff()
        self.override = staff("override_refund")

    @rule(which=WHICH)
    def ask(self, which: int) -> None:
        """The customer asks: both take it, or both refuse it."""
        things: list[Thing] = [*self.oracle.packs, *self.oracle.editions]
        left = [thing for thing in things if self.oracle.can_ask(thing, self.now)]
        thing = _likely(left, things, which)
        if self.oracle.ask(thing, self.now):
            ask(self.account, self.now, self._line(thing))
            return
        with pytest.raises(Refusal):
            ask(self.account, self.now, self._line(thing))

    def _line(self, thing: Thing) -> OrderLine:
        lines = OrderLine.objects.filter(account=self.account)
        lines = lines.exclude(order__kind="refund")
        if isinstance(thing, Pack):
            return lines.filter(pack=self._pack(thing)).latest("pk")
        number = self.oracle.editions.index(thing)
        mine = Subscription.objects.filter(account=self.account)
        terms = Term.objects.filter(subscription=mine.order_by("anchor")[number])
        return lines.get(kind="edition", order=terms.latest("number").order)

    def _pack(self, pack: Pack) -> QuotaPack:
        packs = QuotaPack.objects.filter(account=self.account).order_by("pk")
        return packs[self.oracle.packs.index(pack)]

    def _chosen(self, which: int) -> tuple[Request, RefundRequest]:
        undecided = [r for r in self.oracle.requests if r.state in OPEN]
        request = _likely(undecided, self.oracle.requests, which)
        rows = RefundRequest.objects.filter(account=self.account).order_by("pk")
        return request, rows[self.oracle.requests.index(request)]

    @precondition(lambda self: self.oracle.requests)
    @rule(which=WHICH, rejected=st.booleans())
    def give_up(self, which: int, *, rejected: bool) -> None:
        """Staff reject it, or the customer withdraws it."""
        request, row = self._chosen(which)
        was = request.state
        state = "rejected" if rejected else "withdrawn"
        if self.oracle.give_up(request, state) or state == was == "withdrawn":
            self._give_up(row, rejected=rejected)
            return
        with pytest.raises(Refusal):
            self._give_up(row, rejected=rejected)

    def _give_up(self, row: RefundRequest, *, rejected: bool) -> None:
        if rejected:
            deciding.reject(refund=row, answer="No.", staff=self.first, now=self.now)
        else:
            refunding.withdraw(refund=row, by=creator_of(self.account), now=self.now)

    @precondition(lambda self: self.oracle.requests)
    @rule(
        which=WHICH,
        cents=st.none() | st.integers(1, 120),
        holds=st.sampled_from(["stop", "wait"]),
        may_override=st.booleans(),
    )
    def approve(
        self, which: int, cents: int | None, holds: str, *, may_override: bool
    ) -> None:
        """Approved as computed or by hand; what cannot be is refused by both."""
        self.now += MOMENT
        request, row = self._chosen(which)
        by = self.override if may_override else self.first
        taken = self.oracle.approve(
            request, self.now, by_hand=cents, holds=holds, may_override=may_override
        )
        amount = None if cents is None else str(Decimal(cents) / 100)

        def pressed() -> None:
            approve(row, self.now, amount=amount, answer="Agreed.", holds=holds, by=by)

        if taken:
            pressed()
            return
        with pytest.raises(Refusal):
            pressed()

    @precondition(
        lambda self: any(
            request.state == "awaiting_second" for request in self.oracle.requests
        )
    )
    @rule(may_override=st.booleans())
    def confirm(self, *, may_override: bool) -> None:
        """The second person confirms it; not the first."""
        waiting = [r.state == "awaiting_second" for r in self.oracle.requests]
        number = waiting.index(True)
        request = self.oracle.requests[number]
        row = RefundRequest.objects.filter(account=self.account).order_by("pk")[number]
        by = self.override if may_override else self.second
        if row.approved_by == by.user:
            by = self.second
        taken = self.oracle.confirm(request, self.now, may_override=by is self.override)

        def pressed() -> None:
            deciding.confirm(
                refund=row,
                seen=proposal(row, self.now),
                holds=row.holds,
                staff=by,
                now=self.now,
            )

        if taken:
            pressed()
            return
        with pytest.raises(Refusal):
            pressed()

    @rule()
    def sweep(self) -> None:
        """The sweeper runs, and the job that pays what waited for scans; both twice."""
        super().sweep()
        deciding.finish_closing(now=self.now)
        self.oracle.finish(self.now)
        assert deciding.finish_closing(now=self.now) == 0

    @precondition(Books.can_renew)
    @rule()
    def renew_automatically(self) -> None:
        """Auto-renewal, at the end or while suspended, leaves out what is asked for."""
        if self.oracle.is_active(self.now):
            auto_renewal.switch(account=self.account, on=True, now=self.now)
            self.now = self.oracle.edition.end
            assert auto_renewal.sweep(now=self.now) == 1
        else:
            on = auto_renewal.switch(account=self.account, on=True, now=self.now)
            assert on.order
        auto_renewal.switch(account=self.account, on=False, now=self.now)
        asked = [r.thing for r in self.oracle.requests if r.state in OPEN]
        self.oracle.renew(
            1, self.now, left_out=[thing for thing in asked if isinstance(thing, Pack)]
        )

    @invariant()
    def each_request_says_the_same(self) -> None:
        """Its state, and what was paid."""
        rows = RefundRequest.objects.filter(account=self.account).order_by("pk")
        assert [
            (row.state, row.amount if row.state == "approved" else None) for row in rows
        ] == [
            (r.state, Decimal(r.amount) / 100 if r.state == "approved" else None)
            for r in self.oracle.requests
        ]


def _likely(wanted: Sequence[T], known: Sequence[T], which: int) -> T:
    """Three times in four one of those that are wanted, where there are any."""
    among = wanted if wanted and which % 4 else known
    return among[which % len(among)]
