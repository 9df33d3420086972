"""One process of the load: it asks, repeats what others asked, and runs the jobs."""

import os
import signal
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
from django.db import InterfaceError, OperationalError, connections

from accounts.errors import Refusal
from accounts.models import Account, User
from quota.models import Image, RefundRequest, ScanTask
from quota.rules.refunds import OPEN
from quota.services import (
    auto_renewal,
    deciding,
    invoicing,
    overdue,
    refund_sums,
    reminding,
    scanning,
    terminating,
    thresholds,
    windows,
)
from quota.services.deciding import Decision, Staff
from tests.factories import LONG_AGO, creator_of
from tests.faults.clock import Clock
from tests.faults.commands import deliver, plan
from tests.faults.journal import Command, Journal, Told, recent

STOCK = 150
PAUSE = 0.05
# How often each is done. Several processes do all of them at the same time.
ASKED = {
    "scan": 30, "end": 30, "top up": 5, "reverse": 1, "buy": 4, "renew": 3,
    "ask refund": 3,
}  # fmt: skip
JOBS: dict[str, Callable[..., object]] = {
    "sweep": overdue.sweep,
    "lapse": windows.lapse_ended,
    "auto renewal": auto_renewal.sweep,
    "terminate": terminating.terminate_due,
    "finish refunds": deciding.finish_closing,
    "invoices": invoicing.issue,
    "remind": reminding.remind,
    "thresholds": thresholds.sweep,
}
OUTAGES = (OperationalError, InterfaceError, psycopg.OperationalError)


class Worker:
    """Works until it is asked to stop, or killed."""

    def __init__(self, name: str, folder: Path, clock: Path, staff: int) -> None:
        self.chance = Random(name)  # noqa: S311 -- which moment is hit need not be secret
        skew = timedelta(seconds=self.chance.uniform(-2.5, 2.5))
        self.clock = Clock(clock, skew)
        self.journal = Journal(folder / f"{name}.jsonl")
        self.staff = staff
        self.stopping = False

    def run(self) -> None:
        """Do one thing after another."""
        signal.signal(signal.SIGTERM, self._stop)
        acts = {self._ask: 60, self._repeat: 20, self._job: 8, self._stop_task: 2,
                self._decide: 4, self._stock: 3}  # fmt: skip
        while not self.stopping:
            (act,) = self.chance.choices(list(acts), list(acts.values()))
            self._survive(act)

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _survive(self, act: Callable[[], None]) -> None:
        """Go on after a refusal or an outage; write down anything else as a bug."""
        try:
            act()
        except Refusal:
            self.journal.count("refused before it was asked")
        except Exception as error:
            self.journal.count(*verdict(error))
            self._reconnect()

    def _reconnect(self) -> None:
        connections.close_all()
        time.sleep(PAUSE)

    def _ask(self) -> None:
        (verb,) = self.chance.choices(list(ASKED), list(ASKED.values()))
        command = plan(verb, self.chance, self._account(), self.clock.now())
        if command is None:
            return
        self.journal.intend(command)
        self._deliver(command)

    def _repeat(self) -> None:
        """Deliver what another process asked lately: it may be at it now, or dead."""
        others = [
            path
            for path in self.journal.path.parent.glob("*.jsonl")
            if path != self.journal.path
        ]
        found = recent(self.chance.choice(others)) if others else []
        if found:
            self._deliver(self.chance.choice(found[-12:]))

    def _deliver(self, command: Command) -> None:
        began = time.monotonic()
        try:
            answer = deliver(command, self.clock.now())
        except Refusal as refusal:
            told = Told(command, "refused", began, why=type(refusal).__name__)
        except Exception as error:
            says, why = verdict(error)
            told = Told(command, says, began, why=why)
            self._reconnect()
        else:
            told = Told(command, "done", began, answer)
        self.journal.acknowledge(told)

    def _job(self) -> None:
        """Run a job, and once more: whoever queues it may queue it twice."""
        name = self.chance.choice(list(JOBS))
        for _ in range(2):
            JOBS[name](now=self.clock.now())
            self.journal.count(f"job: {name}")

    def _stop_task(self) -> None:
        account = self._account()
        open_ones = ScanTask.objects.filter(account=account, ended_at=None)
        if task := open_ones.order_by("?").first():
            scanning.stop(task=task, by=creator_of(account), now=self.clock.now())
            self.journal.count("tasks stopped")

    def _decide(self) -> None:
        """Staff approve what is refundable now, or reject it."""
        asked = RefundRequest.objects.filter(state__in=OPEN).order_by("?").first()
        if asked is None:
            return
        staff, now = Staff(User.objects.get(pk=self.staff), None), self.clock.now()
        seen = refund_sums.compute(refund_sums.thing_asked(asked), now).refundable
        if self.chance.random() < 0.4:
            words = "It is used every day."
            deciding.reject(refund=asked, answer=words, staff=staff, now=now)
        else:
            holds = self.chance.choice(["stop", "wait"])
            decision = Decision(seen, seen, holds=holds)
            deciding.approve(refund=asked, decision=decision, staff=staff, now=now)
        self.journal.count("refunds decided")

    def _stock(self) -> None:
        """See that the account has images to scan; a termination deletes them."""
        account = self._account()
        missing = STOCK - Image.objects.filter(account=account).count()
        stock(account, max(0, missing), self.clock.now())

    def _account(self) -> Account:
        accounts = list(Account.objects.order_by("pk"))
        return self.chance.choice(accounts)


def stock(account: Account, number: int, now: datetime) -> None:
    """Give an account new images."""
    Image.objects.bulk_create(
        Image(
            account=account,
            digest=f"sha256:{uuid4().hex}{uuid4().hex}",
            os="linux",
            architecture="amd64",
            size=1_000_000,
            first_seen_at=now,
            active_at=LONG_AGO,
            is_local=True,
            name="team/app",
            tag="1.0",
            tags=1,
        )
        for _ in range(number)
    )


def start(run: Callable[[], None]) -> int:
    """Run something in a process of its own. Returns its process id."""
    connections.close_all()
    if child := os.fork():
        return child
    code = 1
    try:
        run()
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def verdict(error: BaseException) -> tuple[str, str]:
    """Whether an error is an outage, and its SQL state; or else a bug, whole. Of what
    broke in several accounts, a bug before an outage."""
    if isinstance(error, BaseExceptionGroup):
        return min(verdict(each) for each in error.exceptions)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OUTAGES):
            state = getattr(cause.__cause__ or cause, "sqlstate", None)
            return "broken", state or "no connection"
        quiet = cause.__suppress_context__
        cause = cause.__cause__ or (None if quiet else cause.__context__)
    return "bug", "".join(traceback.format_exception(error))
