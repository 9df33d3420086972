"""The battery in small: every kind of fault, and the control that must fail."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connections

from tcss_billing import embedded_postgres
from tcss_billing.embedded_postgres.cluster import PORT
from tcss_billing.state import home
from tests.conftest import require
from tests.faults.pooler import Pooler

CHECKOUT = Path(__file__).resolve().parents[2]
FAULTS = ("worker killed", "web killed", "connection cut", "server stopped at once",
          "clock moved")  # fmt: skip


@pytest.fixture
def tables(tmp_path: Path, transactional_db: None) -> Path:
    """The tables of this run's database, empty: making them anew takes longer."""
    cluster = embedded_postgres.Cluster.of(home())
    dump = cluster.programs() / "pg_dump"
    where = ["-h", str(cluster.socket_directory), "-p", str(PORT),
             "-U", embedded_postgres.OWNER]  # fmt: skip
    name = connections["owner"].settings_dict["NAME"]
    file = tmp_path / "tables"
    subprocess.run([dump, "-Fc", *where, "-f", file, name], check=True)
    return file


def test_nothing_is_lost_or_doubled_whatever_is_killed(tables: Path) -> None:
    run = _battery("--seconds", "8", "--seed", "7", "--tables", str(tables))

    assert run.returncode == 0, run.stdout + run.stderr
    assert all(fault in run.stdout for fault in FAULTS), run.stdout
    assert "disk full" in run.stdout or "no full disk: " in run.stdout


def test_the_books_hold_behind_a_pooler_on_a_standby_and_restored(tables: Path) -> None:
    require("pgbouncer", Pooler.program())

    run = _battery("--calm", "--pooled", "--seconds", "3", "--tables", str(tables))

    assert run.returncode == 0, run.stdout + run.stderr
    assert "scans pressed over HTTP" in run.stdout


def _battery(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.faults", "--workers", "4", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
