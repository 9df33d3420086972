"""The database of a run, and how a process of its own reaches one."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.apps import apps
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from tcss_billing import embedded_postgres
from tcss_billing.embedded_postgres import APP, DATABASE, OWNER, Cluster
from tcss_billing.embedded_postgres.cluster import PORT
from tcss_billing.state import home


def environment(
    cluster: Cluster, name: str = DATABASE, pooler: Cluster | None = None
) -> dict[str, str]:
    """What the settings read. The server is not started by it. The owner never goes
    through the pooler."""
    return {
        "DATABASE_URL": _url(pooler or cluster, APP, name),
        "DATABASE_POOLER": "true" if pooler else "false",
        "DATABASE_OWNER_URL": _url(cluster, OWNER, name),
        "DJANGO_SETTINGS_MODULE": "tcss_billing.settings",
    }


def make(name: str) -> None:
    """Make a database as an operator does and use it from here on. On the embedded
    server it is copied from one that the same migrations made, once there is one."""
    if connections["owner"].settings_dict["ENGINE"] != embedded_postgres.__name__:
        _create(name)
        use(name)
        call_command("provision", verbosity=0)
        return
    made = f"made_{_migrations()}"
    with _only_us():
        is_there = made in _named("made_%")
        _create(name, made if is_there else None)
        use(name)
        call_command("provision", verbosity=0)
        if not is_there:
            for other in _named("made_%"):
                drop(other)
            use(name)  # from which nobody may read while it is copied
            _create(made, name)


def use(name: str) -> None:
    """Lead every connection to the database."""
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def drop(name: str) -> None:
    """Remove a database that nothing leads to any more."""
    _as_owner("DROP DATABASE {}", name)


def _migrations() -> str:
    """What all migrations that there are come to: those of an edited one differ."""
    told = hashlib.sha256()
    for app in apps.get_app_configs():
        for file in sorted(Path(app.path, "migrations").glob("*.py")):
            told.update(f"{app.label}/{file.name}".encode() + file.read_bytes())
    return told.hexdigest()[:16]


@contextmanager
def _only_us() -> Iterator[None]:
    with (home() / "databases.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _named(pattern: str) -> list[str]:
    with connections["owner"]._nodb_cursor() as cursor:
        cursor.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", [pattern]
        )
        return [name for (name,) in cursor.fetchall()]


def _create(name: str, template: str | None = None) -> None:
    _as_owner("CREATE DATABASE {} TEMPLATE {}", name, template or "template1")


def _as_owner(statement: str, *names: str) -> None:
    with connections["owner"]._nodb_cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def of_this_run() -> dict[str, str]:
    """The database that the tests of this run are using."""
    name = str(connections["default"].settings_dict["NAME"])
    return environment(Cluster.of(home()), name)


def _url(cluster: Cluster, role: str, name: str) -> str:
    host = quote(str(cluster.socket_directory), safe="")
    return f"postgres://{role}@{host}:{PORT}/{name}"
