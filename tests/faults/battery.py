"""The run: load, faults, sweeping up, verdicts, and a control that must fail."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from django.db import connections

from accounts.services.opening import open_account
from quota.models import QuotaWindow, Subscription, Tariff
from tests.factories import LONG_AGO, UserFactory, top_up
from tests.faults import checks, worker
from tests.faults.clock import Clock
from tests.faults.commands import deliver, plan
from tests.faults.elsewhere import Elsewhere
from tests.faults.ground import Ground
from tests.faults.journal import Journal, Writings, read
from tests.faults.report import lines
from tests.faults.web import Presser, Web
from tests.faults.worker import Worker

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
CURRENCY = "XTS"
# How long a process that was asked to stop may finish what it is at.
PATIENCE = 30
# The control writes this many things, in less time than the server would keep them.
ENOUGH = 20
CONTROL_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Scale:
    """How long, how many, and by which chance."""

    seconds: float
    workers: int
    seed: int
    calm: bool = False
    accounts: int = 4


@dataclass
class Battery:
    """One run on a prepared ground."""

    ground: Ground
    scale: Scale
    faults: Counter[str] = field(default_factory=Counter)
    generation: int = 0
    workers: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = Random(self.scale.seed)  # noqa: S311 -- a run can be repeated
        self.clock = Clock(self.ground.clock)
        self.elsewhere = Elsewhere(self.ground)

    def run(self) -> Writings:
        """Load and faults for as long as planned; then everybody is asked to stop."""
        self.staff = self._furnish()
        self.web = Web(self.ground)
        for number in range(self.scale.workers):
            self._spawn(number)
        try:
            if self.scale.calm:
                time.sleep(self.scale.seconds / 2)
                self.elsewhere.make()
                time.sleep(self.scale.seconds / 2)
            else:
                self._do_harm()
        finally:
            self._stop_all()
        self.ground.up()
        return read(self.ground.journals)

    def _furnish(self) -> int:
        """A tariff sold one by one, accounts in several zones with Professional
        Edition, quota and images, and somebody of staff. Returns that person."""
        now, journal = self.clock.now(), Journal(self.ground.journals / "before.jsonl")
        Tariff.objects.create(
            currency=CURRENCY, valid_from=LONG_AGO, step=1, max_quantity=1_000,
            edition_price="6.75", quota_price="0.06",
        )  # fmt: skip
        for number in range(self.scale.accounts):
            account = open_account(
                slug=f"customer-{number}",
                name="Customer",
                zone=ZONES[number % len(ZONES)],
                currency=CURRENCY,
                creator=UserFactory.create(),
                now=now,
            )
            top_up(account, 300, now)
            worker.stock(account, worker.STOCK, now)
            bought = plan("buy", self.chance, account, now)
            assert bought
            journal.intend(bought)
            deliver(bought, now)
        return int(UserFactory.create(is_staff=True).pk)

    def _do_harm(self) -> None:
        """One fault after another, each kind as often as the others and at least
        once."""
        kinds = [self._kill_worker, self._kill_worker, self._cut, self._cut,
                 self._jump, self._crash, self._kill_web]  # fmt: skip
        if not self.ground.no_disk:
            kinds.append(self._fill_disk)
        until = time.monotonic() + self.scale.seconds
        while time.monotonic() < until or not self.faults:
            for harm in self.chance.sample(kinds, len(kinds)):
                time.sleep(self.chance.uniform(0.1, 0.7))
                harm()
                self._replace_the_dead()

    def _kill_worker(self) -> None:
        number = self.chance.choice(list(self.workers))
        os.kill(self.workers[number], signal.SIGKILL)
        self.faults["worker killed"] += 1

    def _cut(self) -> None:
        """End some of the application's connections, whatever they are at."""
        with self.ground.superuser() as server:
            cut = server.execute(
                "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM"
                " pg_stat_activity WHERE usename = 'tcss_app' ORDER BY random()"
                " LIMIT 3) chosen"
            ).fetchall()
        self.faults["connection cut"] += len(cut)

    def _crash(self) -> None:
        self.ground.crash()
        time.sleep(self.chance.uniform(0, 0.3))
        self.ground.up()
        self.faults["server stopped at once"] += 1

    def _kill_web(self) -> None:
        self.web.kill()
        self.web.restart()
        self.faults["web killed"] += 1

    def _jump(self) -> None:
        """To a moment before something ends, so that it ends under load; or by hours,
        over leases, deadlines and days of grace. Looks past a pooler, which for a
        while lets nobody in after the server was away."""
        now = self.clock.now()
        ends = [*QuotaWindow.objects.using("owner").filter(ends_at__gt=now)
                .values_list("ends_at", flat=True).distinct(),
                *Subscription.objects.using("owner").filter(ends_at__gt=now)
                .values_list("ends_at", flat=True)]  # fmt: skip
        connections.close_all()
        if ends and self.chance.random() < 0.6:
            self.clock.jump(min(ends) - now - timedelta(seconds=0.7))
        else:
            self.clock.jump(timedelta(hours=self.chance.choice([1, 3, 25, 121])))
        self.faults["clock moved"] += 1

    def _fill_disk(self) -> None:
        with self.ground.disk_full():
            time.sleep(self.chance.uniform(0.5, 1.0))
        self.ground.up()
        self.faults["disk full"] += 1

    def _spawn(self, number: int) -> None:
        """Start a worker, under a name that no process had before; the first presses
        in the browser's place."""
        self.generation += 1
        name = f"{self.scale.seed}-{number}-{self.generation}"
        kind = Presser if number == 0 else Worker
        self.workers[number] = worker.start(
            self._made(kind, name, self.ground.journals)
        )

    def _made(self, kind: type[Worker], name: str, folder: Path) -> Callable[[], None]:
        made = kind(name, folder, self.ground.clock, self.staff)
        if isinstance(made, Presser):
            made.port = self.web.port
        return made.run

    def _replace_the_dead(self) -> None:
        for number, child in list(self.workers.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended and not os.WIFSIGNALED(status):
                raise RuntimeError("A worker ended that nobody killed.")
            if ended:
                self._spawn(number)

    def _stop_all(self) -> None:
        for child in self.workers.values():
            os.kill(child, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        for child in self.workers.values():
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(child, signal.SIGKILL)
                time.sleep(0.02)
        self.web.kill()

    def control(self) -> list[str]:
        """Have the server acknowledge what it has not written, and stop it at once:
        what the checks then find missing. They must find something."""
        folder = self.ground.folder / "control"
        folder.mkdir()
        with self.ground.superuser() as server:
            for setting in ("synchronous_commit = off", "wal_writer_delay = '10s'"):
                server.execute(f"ALTER SYSTEM SET {setting}".encode())
            server.execute("SELECT pg_reload_conf()")
        children = [
            worker.start(self._made(Worker, f"control-{number}", folder))
            for number in range(3)
        ]
        deadline = time.monotonic() + CONTROL_SECONDS
        while time.monotonic() < deadline and len(read(folder).done) < ENOUGH:
            time.sleep(0.1)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self.ground.crash()
        self.ground.up()
        return checks.acknowledged(read(folder)).broken

    def tell(self, say: Callable[[str], None]) -> bool:
        """Run, sweep up, hold the books against the writings, and try the control."""
        say(f"seed {self.scale.seed}, {self.scale.workers} processes")
        if self.ground.no_disk:
            say(f"no full disk: {self.ground.no_disk}")
        try:
            return self._told(say)
        finally:
            self.elsewhere.remove()

    def _told(self, say: Callable[[str], None]) -> bool:
        found = self.run()
        checks.sweep_up(self.clock.now())
        verdicts = checks.verdicts(found)
        if self.scale.calm:
            verdicts += self.elsewhere.verdicts(found)
        for line in lines(found, self.faults, verdicts):
            say(line)
        holds = not any(verdict.broken for verdict in verdicts)
        if self.scale.calm:
            return holds
        lost = self.control()
        say(f"control: without synchronous commit {len(lost)} acknowledged are lost")
        return bool(lost) and holds
