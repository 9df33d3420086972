"""A server of the run's own, in a folder of its own, and the accounts on it.

Nothing here may import the product's models before ``Ground.prepare`` has named the
database.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
import psycopg
from django.core.management import call_command
from django.db import connections

from tcss_billing import embedded_postgres
from tcss_billing.embedded_postgres import DATABASE, Cluster
from tcss_billing.embedded_postgres.cluster import PORT
from tests.databases import environment
from tests.faults.pooler import Pooler

DISK = "640m"
# A small disk needs little WAL kept; connections come and go with their processes.
SETTINGS = {
    "max_wal_size": "'96MB'", "min_wal_size": "'32MB'", "shared_buffers": "'64MB'",
    "lock_timeout": "'5s'", "log_min_messages": "fatal",
}  # fmt: skip


class Ground:
    """The throw-away server. Where we are root it lies on a small disk that can be
    filled; ``no_disk`` says why it does not. ``tables`` is a dump of empty tables,
    which is quicker than to make them."""

    def __init__(
        self, folder: Path, *, tables: Path | None = None, pooled: bool = False
    ) -> None:
        self.folder = folder
        self.tables = tables
        self.cluster = Cluster.of(folder)
        self.journals = folder / "journals"
        self.clock = folder / "clock"
        self.no_disk = ""
        self.pooler = Pooler(self.cluster) if pooled else None

    def prepare(self) -> None:
        """Start the server, make the tables, and have this process use them."""
        self.journals.mkdir()
        self.no_disk = self._mount()
        embedded_postgres.ensure(self.folder)
        with self.superuser() as server:
            for name, value in SETTINGS.items():
                server.execute(f"ALTER SYSTEM SET {name} = {value}".encode())
        embedded_postgres.stop(self.folder)
        self.up()
        if self.pooler:
            self.pooler.start()
        os.environ |= self.environment()
        django.setup()
        if self.tables:
            call_command("postgres", "restore", str(self.tables), verbosity=0)
        call_command("provision", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        connections.close_all()

    def environment(self) -> dict[str, str]:
        """What leads a process to this server. It does not start it: whether it is up
        is decided by the faults alone."""
        return {
            **environment(
                self.cluster, pooler=self.pooler.cluster if self.pooler else None
            ),
            # What broke is in the writings.
            "LOG_LEVEL": "CRITICAL",
            "REFUND_SECOND_PERSON_ABOVE": "1000000",
            "TCSS_HOME": str(self.folder),
        }

    def superuser(self) -> psycopg.Connection:
        """A connection to the server that may end other people's."""
        return psycopg.connect(
            host=str(self.cluster.socket_directory),
            port=PORT,
            user="postgres",
            dbname=DATABASE,
            connect_timeout=5,
            autocommit=True,
        )

    def crash(self) -> None:
        """Stop the server at once, as a power cut would, what was not written lost."""
        data = f"--pgdata={self.cluster.data}"
        self.cluster.run("pg_ctl", data, "--mode=immediate", "--wait", "stop")

    def up(self) -> None:
        """Have the server up, whatever happened to it."""
        embedded_postgres.ensure(self.folder)

    @contextmanager
    def disk_full(self) -> Iterator[None]:
        """Take every free byte of the server's disk, and give it back."""
        filler = self.cluster.root / "filler"
        with filler.open("wb") as file:
            size = 0
            for block in (1 << 20, 1 << 12):
                while _takes(file.fileno(), size, block):
                    size += block
        try:
            yield
        finally:
            filler.unlink()

    def remove(self) -> None:
        """Leave nothing behind."""
        if self.pooler:
            self.pooler.remove()
        embedded_postgres.stop(self.folder)
        if self.cluster.root.is_mount():
            subprocess.run(["umount", "--lazy", str(self.cluster.root)], check=False)
        for left in (self.cluster.root, self.cluster.socket_directory, self.folder):
            shutil.rmtree(left, ignore_errors=True)
        self.cluster.lock.unlink(missing_ok=True)

    def _mount(self) -> str:
        if not self.cluster.user:
            return "only root can give the server a small disk"
        self.cluster.prepare()
        owner = pwd.getpwnam(self.cluster.user)
        options = f"size={DISK},mode=0700,uid={owner.pw_uid},gid={owner.pw_gid}"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.cluster.root)],
            check=False,
            capture_output=True,
            text=True,
        )
        return mounted.stderr.strip()


@contextmanager
def ground(*, tables: Path | None = None, pooled: bool = False) -> Iterator[Ground]:
    """A prepared ground, removed whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="tcss-faults-"))
    made = Ground(folder, tables=tables, pooled=pooled)
    try:
        made.prepare()
        yield made
    finally:
        made.remove()


def _takes(file: int, offset: int, size: int) -> bool:
    try:
        os.posix_fallocate(file, offset, size)
    except OSError:
        return False
    return True
