"""The books elsewhere: restored from a dump, and on a standby."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.core.management import call_command
from django.db import InternalError, connections

from accounts.models import Account
from quota.services.reconciling import reconcile
from tcss_billing.embedded_postgres import Cluster, stop
from tcss_billing.embedded_postgres.cluster import PORT
from tests.faults import checks
from tests.faults.checks import Verdict
from tests.faults.ground import Ground
from tests.faults.journal import Writings

PATIENCE = 30


class Elsewhere:
    """A dump and a standby made under load, and what is found in them afterwards."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.dump = ground.folder / "dump"
        self.home = ground.folder / "restored"
        self.restored = Cluster.of(self.home)
        root = ground.cluster.root
        self.standby = Cluster(
            root.with_name(f"{root.name}-standby"), ground.cluster.user
        )
        self.dumped_at = 0.0

    def make(self) -> None:
        """Dump the database, and begin to follow the server, while others write."""
        self.dumped_at = time.monotonic()
        call_command("postgres", "dump", str(self.dump), verbosity=0)
        self.standby.prepare()
        self._run(
            "pg_basebackup", "-D", str(self.standby.data), "-R", "-c", "fast",
            "-h", str(self.ground.cluster.socket_directory), "-U", "postgres",
        )  # fmt: skip
        socket = f"--options=-k {self.standby.socket_directory} -p {PORT}"
        log = f"--log={self.standby.log}"
        self._run("pg_ctl", f"--pgdata={self.standby.data}", log, socket, "-w", "start")

    def verdicts(self, found: Writings) -> list[Verdict]:
        """The books in both, held against what was written down by then."""
        outages = [told.why for told in found.told if told.says == "broken"]
        return [
            Verdict("nobody met an outage", len(found.told), outages),
            self._of_the_dump(found),
            *self._of_the_standby(found),
        ]

    def remove(self) -> None:
        """Leave nothing behind."""
        stop(self.home)
        if self.standby.data.exists():
            self.standby.run(
                "pg_ctl", f"--pgdata={self.standby.data}", "-m", "immediate", "stop"
            )
        for cluster in (self.standby, self.restored):
            shutil.rmtree(cluster.root, ignore_errors=True)
            cluster.lock.unlink(missing_ok=True)

    def _of_the_dump(self, found: Writings) -> Verdict:
        """Restored by the command that an operator has, on a server of its own, and
        read as the application's role, whose rights have come along."""
        before = os.environ["TCSS_HOME"]
        os.environ["TCSS_HOME"] = str(self.home)
        try:
            call_command("postgres", "restore", str(self.dump), verbosity=0)
        finally:
            os.environ["TCSS_HOME"] = before
        earlier = [told for told in found.told if told.ended < self.dumped_at]
        with _reading(self.restored):
            broken = [proof.claim for proof in reconcile() if proof.broken]
            lost = checks.acknowledged(Writings(found.intended, earlier)).broken
        claim = "restored from a dump under load, the books hold"
        return Verdict(claim, len(earlier), broken + lost)

    def _of_the_standby(self, found: Writings) -> Iterator[Verdict]:
        """Caught up, it has all that was acknowledged, and takes nothing."""
        self._catch_up()
        with _reading(self.standby):
            broken = [proof.claim for proof in reconcile() if proof.broken]
            lost = checks.acknowledged(found)
            try:
                Account.objects.update(name="Written on a standby")
            except InternalError as refused:
                wrote = [] if "read-only" in str(refused) else [str(refused)]
            else:
                wrote = ["a write was taken"]
        yield Verdict(
            "a standby has all that was acknowledged, and its books hold",
            lost.checked, broken + lost.broken,
        )  # fmt: skip
        yield Verdict("a standby takes nothing", 1, wrote)

    def _catch_up(self) -> None:
        with self.ground.superuser() as server:
            row = server.execute("SELECT pg_current_wal_lsn()::text").fetchone()
        assert row
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with psycopg.connect(
                host=str(self.standby.socket_directory), port=PORT, user="postgres",
                dbname="postgres",
            ) as standby:  # fmt: skip
                behind = standby.execute(
                    "SELECT %s::pg_lsn > pg_last_wal_replay_lsn()", row
                ).fetchone()
            if behind == (False,):
                return
            time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> None:
        done = self.standby.run(program, *arguments)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}")


@contextmanager
def _reading(cluster: Cluster) -> Iterator[None]:
    """Have the models of this process read from another server."""
    default = connections["default"]
    default.close()
    before = default.settings_dict["HOST"]
    default.settings_dict["HOST"] = str(cluster.socket_directory)
    try:
        yield
    finally:
        default.close()
        default.settings_dict["HOST"] = before
