"""A peer in a database of its own, on the same server as ours."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from django.conf import settings
from django.db import connections
from psycopg import sql

from tcss_billing.embedded_postgres import Cluster
from tcss_billing.state import home
from tests.databases import environment

SETTINGS = {
    "peer_pgledger": "tcss_billing.settings",
    "peer_hordak": "tests.benchmarks.charging.hordak_settings",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer that is installed, with accounts to charge."""

    who: str
    environment: dict[str, str]

    def moved(self) -> int:
        """How many charges its books show."""
        return int(self.act("moved"))

    def act(self, name: str, *values: int) -> str:
        """Do one thing of its module's, in a process of its own."""
        command = [sys.executable, "-m", "tests.benchmarks.charging", self.who, name]
        done = subprocess.run(
            [*command, *map(str, values)],
            cwd=settings.BASE_DIR,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout


def missing(who: str) -> str:
    """Why a peer cannot be measured here, if it cannot."""
    if who == "peer_pgledger" and not os.environ.get("PGLEDGER_SQL"):
        return "PGLEDGER_SQL does not name its files"
    if who == "peer_hordak" and not find_spec("hordak"):
        return "it is not installed: the extra named peers has it"
    return ""


@contextmanager
def installed(who: str, accounts: int) -> Iterator[Peer]:
    """Make a peer's database and what it charges, and drop it afterwards."""
    name = f"{who}_{os.getpid()}"
    database = sql.Identifier(name)
    url = environment(Cluster.of(home()), name)["DATABASE_OWNER_URL"]
    peer = Peer(who, {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": SETTINGS[who]})
    with connections["owner"]._nodb_cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(database))
        try:
            peer.act("prepare", accounts)
            yield peer
        finally:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
