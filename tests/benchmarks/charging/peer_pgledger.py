"""A charge in pgledger: one transfer, or one to what is held and one from there.

Each account has its own counterparts, so that accounts have no row in common. Its SQL
is not ours to carry: ``PGLEDGER_SQL`` names the files, as ``PATH`` names folders.
"""

import os
from collections.abc import Callable
from itertools import cycle, pairwise
from pathlib import Path

import psycopg

from tests.benchmarks.charging.plan import Plan

ACCOUNTS = """
    SELECT count(*) FROM generate_series(0, %s - 1) n,
        (VALUES ('free', true), ('held', false), ('used', false)) k(name, negative),
        pgledger_create_account(k.name || '-' || n, 'USD', k.negative, true)
"""
CHARGE = """
    SELECT count(*) FROM pgledger_create_transfers(
        array_fill((%s, %s, 1)::transfer_request, ARRAY[%s::int]), NULL, NULL
    )
"""
USED = "SELECT sum(balance) FROM pgledger_accounts WHERE name LIKE 'used-%'"


def _connection() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def prepare(accounts: int) -> None:
    """Install it, and make accounts with enough to spend."""
    with _connection() as connection:
        for name in os.environ["PGLEDGER_SQL"].split(os.pathsep):
            connection.execute(Path(name).read_bytes())
        connection.execute(ACCOUNTS, [accounts])


def moved() -> int:
    """How many charges the books show."""
    with _connection() as connection:
        found = connection.execute(USED).fetchone()
        assert found
        return int(found[0])


def charges(plan: Plan, worker: int) -> Callable[[], int]:
    """Transfer at each of the worker's accounts in turn."""
    connection = _connection()
    rows = connection.execute("SELECT name, id FROM pgledger_accounts").fetchall()
    ids: dict[str, str] = dict(rows)
    names = ("free", "held", "used") if plan.steps == 2 else ("free", "used")
    turns = cycle(
        [[ids[f"{name}-{number}"] for name in names]
         for number in plan.accounts_of(worker)]
    )  # fmt: skip

    def charge() -> int:
        for source, target in pairwise(next(turns)):
            values = [source, target, plan.batch]
            connection.execute(CHARGE, values, prepare=True)
        return plan.batch

    return charge
