"""Starting and stopping the server: one of it, whoever starts at the same time.

A process that uses the server holds a shared lock on a file until it ends or leaves,
so the last to leave knows that it is the last, and a killed one is not counted.
"""

import fcntl
import hashlib
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import psycopg
from psycopg import sql

from tcss_billing.embedded_postgres.cluster import PORT, Cluster
from tcss_billing.state import CREDENTIAL_KEY

OWNER = "tcss_owner"
APP = "tcss_app"
DATABASE = "tcss"
PATIENCE = 60

SETTINGS = """
listen_addresses = ''
unix_socket_permissions = 0777
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
synchronous_commit = on
log_min_duration_statement = 1000
log_line_prefix = '%m [%p] %u '
"""

_uses: dict[Path, IO[str]] = {}


class PostgresFailed(Exception):
    """The server did not start; ``str()`` says what its log ended with."""


def is_running(cluster: Cluster) -> bool:
    """Say whether the server answers: a real connection, never a process id."""
    try:
        with _connect(cluster):
            return True
    except psycopg.OperationalError:
        return False


def ensure(home: Path) -> Cluster:
    """Return the cluster of ``home`` with its server up, starting it if need be.

    Fast when it is up. Several processes at once get one server. From here until
    ``leave`` this process counts as one that uses it. As root, a cluster outlives its
    state directory: one whose key went with it is set aside, and a new one made.
    """
    cluster = Cluster.of(home)
    _use(cluster)
    mark = _mark_of(home) if cluster.user else ""
    if is_running(cluster) and not _is_strange(cluster, mark):
        return cluster
    with _only_us(cluster):
        if _is_strange(cluster, mark):
            _set_aside(cluster, home)
        if not is_running(cluster):
            cluster.prepare()
            _initialise(cluster)
            _start(cluster)
        _provide_roles(cluster)
        if mark:
            cluster.mark.write_text(mark)
    return cluster


def keep(home: Path) -> Cluster:
    """Have the server up until it is told to stop, whoever leaves it."""
    cluster = ensure(home)
    cluster.kept.touch()
    return cluster


def stop(home: Path) -> bool:
    """Stop the server of ``home``, used or not; this process uses it no longer. Returns
    whether one was running."""
    cluster = Cluster.of(home)
    _end_use(cluster)
    if not (cluster.data / "PG_VERSION").exists():
        return False
    with _only_us(cluster):
        cluster.kept.unlink(missing_ok=True)
        running = is_running(cluster)
        if running:
            cluster.run("pg_ctl", "-D", str(cluster.data), "-m", "fast", "-w", "stop")
    return running


def is_used_here(home: Path) -> bool:
    """Whether this very process uses the server of ``home``."""
    return Cluster.of(home).root in _uses


def leave(home: Path, *, patiently: bool = False) -> bool:
    """End this process's use of the server, and stop it if that was the last one.

    ``patiently`` waits for the others to leave. A server that somebody keeps stays.
    Returns whether it was stopped here.
    """
    cluster = Cluster.of(home)
    _end_use(cluster)
    if cluster.kept.exists() or not cluster.users.exists():
        return False
    with cluster.users.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if patiently else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return stop(home)


def _use(cluster: Cluster) -> None:
    """Count this process in, once. Waits while the last one is stopping the server."""
    if cluster.root in _uses:
        return
    cluster.users.parent.mkdir(parents=True, exist_ok=True)
    file = cluster.users.open("w")
    fcntl.flock(file, fcntl.LOCK_SH)
    _uses[cluster.root] = file


def _end_use(cluster: Cluster) -> None:
    if use := _uses.pop(cluster.root, None):
        use.close()


def _connect(cluster: Cluster, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(
        host=str(cluster.socket_directory),
        port=PORT,
        user="postgres",
        dbname=database,
        connect_timeout=5,
        autocommit=True,
    )


@contextmanager
def _only_us(cluster: Cluster) -> Iterator[None]:
    cluster.lock.parent.mkdir(parents=True, exist_ok=True)
    with cluster.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _mark_of(home: Path) -> str:
    """A digest of the key that ``home`` made for itself; blank where it made none."""
    key = home / CREDENTIAL_KEY
    return hashlib.sha256(key.read_bytes()).hexdigest() if key.exists() else ""


def _is_strange(cluster: Cluster, mark: str) -> bool:
    """Whether its secrets belong to another key. One of before has no mark."""
    return bool(mark) and cluster.mark.exists() and cluster.mark.read_text() != mark


def _set_aside(cluster: Cluster, home: Path) -> None:
    if is_running(cluster) or _postmaster(cluster):
        raise PostgresFailed(
            f"PostgreSQL still runs on what a removed {home} left behind. Stop it:"
            " manage.py postgres stop."
        )
    aside = cluster.root.with_name(f"{cluster.root.name}.{int(time.time())}")
    cluster.root.rename(aside)
    cluster.kept.unlink(missing_ok=True)
    sys.stderr.write(
        f"The data that a removed {home} left behind is in {aside} now: what it keeps"
        " encrypted cannot be read without that folder's key.\n"
    )


def _initialise(cluster: Cluster) -> None:
    """Make the data directory beside its place, then move it there: a first start that
    is killed leaves nothing half made."""
    if (cluster.data / "PG_VERSION").exists():
        return
    partial = cluster.root / "data.partial"
    shutil.rmtree(partial, ignore_errors=True)
    version = cluster.run("postgres", "--version").stdout.split()[2]
    modern = int(version.split(".")[0]) >= 17
    locale = ["--locale-provider=builtin"] if modern else []
    made = cluster.run(
        "initdb",
        f"--pgdata={partial}",
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--data-checksums",
        "--locale=C.UTF-8",
        *locale,
    )
    if made.returncode:
        raise PostgresFailed(f"initdb failed: {made.stdout[-2000:]}")
    with (partial / "postgresql.conf").open("a") as file:
        file.write(SETTINGS)
    partial.rename(cluster.data)


def _start(cluster: Cluster) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        if _postmaster(cluster) is None:
            _forget_dead_postmaster(cluster)
            started = cluster.run(
                "pg_ctl",
                f"--pgdata={cluster.data}",
                f"--log={cluster.log}",
                f"--options=-k {cluster.socket_directory} -p {PORT}",
                "--wait",
                "start",
            )
        if is_running(cluster):
            return
        if time.monotonic() > deadline:
            raise PostgresFailed(f"PostgreSQL did not start: {started.stdout[-2000:]}")
        time.sleep(0.2)


def _postmaster(cluster: Cluster) -> psutil.Process | None:
    """The living postmaster of this cluster, by its working directory: the number in
    its file may belong to a zombie or to somebody else by now."""
    try:
        number = int((cluster.data / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(number)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if Path(process.cwd()) == cluster.data.resolve() else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def _forget_dead_postmaster(cluster: Cluster) -> None:
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for leftover in cluster.socket_directory.glob(".s.PGSQL.*"):
        leftover.unlink(missing_ok=True)


def _provide_roles(cluster: Cluster) -> None:
    """Make what is missing of the two roles and the database."""
    with _connect(cluster) as connection:
        for role, rights in (
            (OWNER, "LOGIN CREATEDB"),
            (APP, "LOGIN"),
        ):
            if not _exists(
                connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role
            ):
                connection.execute(
                    sql.SQL("CREATE ROLE {} {}").format(
                        sql.Identifier(role), sql.SQL(rights)
                    )
                )
        connection.execute(f"ALTER ROLE {APP} SET lock_timeout = '5s'")
        if not _exists(
            connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE
        ):
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None
