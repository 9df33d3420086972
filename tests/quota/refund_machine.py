"""Refunds of packs and of Professional Edition at any moment of any history: asked for,
withdrawn, rejected, approved by one person or two, with scans stopped or awaited."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
HOLDS = st.sampled_from(["stop", "wait"])
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
        """The customer asks for something."""
        things = self._things()
        left = [thing for thing in things if self.oracle.can_ask(thing, self.now)]
        self._ask(_likely(left, things, which))

    def _things(self) -> list[Thing]:
        return [*self.oracle.packs, *self.oracle.editions]

    def _ask(self, thing: Thing) -> None:
        """Both take the request, or both refuse it."""
        line = self._line(thing)
        with _refused_unless(self.oracle.ask(thing, self.now)):
            ask(self.account, self.now, line)

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

    def _chosen(self, which: int) -> Request:
        undecided = [r for r in self.oracle.requests if r.state in OPEN]
        return _likely(undecided, self.oracle.requests, which)

    def _row(self, request: Request) -> RefundRequest:
        rows = RefundRequest.objects.filter(account=self.account).order_by("pk")
        return rows[self.oracle.requests.index(request)]

    @precondition(lambda self: self.oracle.requests)
    @rule(which=WHICH)
    def reject(self, which: int) -> None:
        """Staff reject a request."""
        request = self._chosen(which)
        row = self._row(request)
        with _refused_unless(self.oracle.give_up(request, "rejected")):
            deciding.reject(refund=row, answer="No.", staff=self.first, now=self.now)

    @precondition(lambda self: self.oracle.requests)
    @rule(which=WHICH)
    def withdraw(self, which: int) -> None:
        """The customer takes it back; a second time changes nothing."""
        request = self._chosen(which)
        row, again = self._row(request), request.state == "withdrawn"
        with _refused_unless(self.oracle.give_up(request, "withdrawn") or again):
            refunding.withdraw(refund=row, by=creator_of(self.account), now=self.now)

    @precondition(lambda self: self.oracle.requests)
    @rule(
        which=WHICH,
        cents=st.none() | st.integers(1, 120),
        holds=HOLDS,
        may_override=st.booleans(),
    )
    def approve(
        self, which: int, cents: int | None, holds: str, *, may_override: bool
    ) -> None:
        """Approved as computed or by hand; what cannot be is refused by both."""
        self._approve(self._chosen(which), cents, holds, may_override=may_override)

    def _approve(
        self, request: Request, cents: int | None, holds: str, *, may_override: bool
    ) -> None:
        self.now += MOMENT
        row = self._row(request)
        taken = self.oracle.approve(
            request, self.now, by_hand=cents, holds=holds, may_override=may_override
        )
        with _refused_unless(taken):
            approve(
                row,
                self.now,
                amount=None if cents is None else str(Decimal(cents) / 100),
                answer="Agreed.",
                holds=holds,
                by=self.override if may_override else self.first,
            )

    @precondition(lambda self: self._waiting())
    @rule(may_override=st.booleans())
    def confirm(self, *, may_override: bool) -> None:
        """The second person confirms what waits for one."""
        self._confirm(self._waiting()[0], may_override=may_override)

    def _waiting(self) -> list[Request]:
        return [r for r in self.oracle.requests if r.state == "awaiting_second"]

    def _confirm(self, request: Request, *, may_override: bool) -> None:
        row = self._row(request)
        by = self.override if may_override else self.second
        if row.approved_by == by.user:
            by = self.second
        taken = self.oracle.confirm(request, self.now, may_override=by is self.override)
        with _refused_unless(taken):
            deciding.confirm(
                refund=row,
                seen=proposal(row, self.now),
                holds=row.holds,
                staff=by,
                now=self.now,
            )

    @rule(holds=HOLDS)
    def pay_back_everything(self, holds: str) -> None:
        """Whatever can be asked for, the packs first and then Professional Edition."""
        for thing in self._things():
            if self.oracle.can_ask(thing, self.now):
                self._ask(thing)
                self._approve(self.oracle.requests[-1], None, holds, may_override=False)
        for request in self._waiting():
            self._confirm(request, may_override=False)

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
        was_active = self.oracle.is_active(self.now)
        at_once = self._switch(on=True).order
        if was_active:
            self.now = self.oracle.edition.end
            assert auto_renewal.sweep(now=self.now) == 1
        assert bool(at_once) is not was_active
        self._switch(on=False)
        asked = [r.thing for r in self.oracle.requests if r.state in OPEN]
        self.oracle.renew(
            1, self.now, left_out=[thing for thing in asked if isinstance(thing, Pack)]
        )

    def _switch(self, *, on: bool) -> auto_renewal.Switched:
        return auto_renewal.switch(account=self.account, on=on, by=None, now=self.now)

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


@contextmanager
def _refused_unless(taken: bool) -> Iterator[None]:
    """The product takes what the oracle took, and refuses what it refused."""
    if taken:
        yield
        return
    with pytest.raises(Refusal):
        yield
