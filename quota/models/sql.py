"""One statement of our own, run as it stands."""

from collections.abc import Mapping
from typing import Any

from django.db import connection


def run(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement; returns its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []
