"""One statement of our own, run as it stands."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection


def run(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement; returns its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []


def run_prepared(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement of a charge, which PostgreSQL parses and plans once a
    connection: a third of what a single charge takes is planning otherwise.

    For text that never changes and a plan that suits any account, by keys. Behind a
    pooler of transactions nothing is prepared (``DATABASE_POOLER``).
    """
    with _preparing():
        return run(sql, params)


@contextmanager
def _preparing() -> Iterator[None]:
    connection.ensure_connection()
    server = connection.connection
    usual = server.prepare_threshold
    if usual is not None:
        server.prepare_threshold = 0
    try:
        yield
    finally:
        server.prepare_threshold = usual
