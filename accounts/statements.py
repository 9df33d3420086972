"""Queries that Django words once: afterwards only their values change.

Wording a query takes Django longer than PostgreSQL takes to answer it. What every page
asks is therefore worded when it is first asked, with stand-ins for its values.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from psycopg.types.datetime import TimestamptzLoader

# Values that no query of ours contains, one of its kind for each parameter.
STAND_INS: dict[type, Callable[[int], Any]] = {
    int: lambda number: 2_147_000_000 + number,
    str: lambda number: f"\x1astand-in {number}",
    datetime: lambda number: datetime(9_000, 1, 1, tzinfo=UTC) + timedelta(number),
}


class Statement:
    """One query, made by ``build`` from values of these ``kinds``: its shape never
    depends on them.

    ``parts`` names what a row consists of: the model asked for, then a plain type for
    each annotation, then the models that ``select_related`` adds.
    """

    def __init__(
        self,
        build: Callable[..., QuerySet[Any, Any]],
        kinds: Mapping[str, type],
        *parts: type[Any],
    ) -> None:
        self._build = build
        self._kinds = kinds
        self._parts = parts

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """The rows for these values, as the database returns them."""
        return self._ask("{}", values)

    def count(self, **values: Any) -> int:
        """How many rows there are, within the query's own limit."""
        ((count,),) = self._ask("SELECT count(*) FROM ({}) counted", values)
        return int(count)

    def first(self, **values: Any) -> list[Any] | None:
        """The first row as objects of the models, or None."""
        rows = self.rows(**values)
        return self.objects(rows[0]) if rows else None

    def _ask(self, around: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        sql, places = self._worded
        with connection.cursor() as cursor:
            # Django's own loader, in Python, does the same in ten times the time.
            cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
            cursor.execute(
                around.format(sql),
                [values[x] if is_name else x for is_name, x in places],
            )
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    @cached_property
    def _worded(self) -> tuple[str, Sequence[tuple[bool, Any]]]:
        """The SQL, and for each place in it a parameter's name or a constant."""
        stand_ins = {
            name: STAND_INS[kind](number)
            for number, (name, kind) in enumerate(self._kinds.items())
        }
        compiler = self._build(**stand_ins).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, values = compiler.as_sql()
        if compiler.get_converters([column for column, _, _ in compiler.select]):
            raise TypeError("A column of this query is converted by Django.")
        names = {value: name for name, value in stand_ins.items()}
        places = [_place(value, names) for value in values]
        if lost := self._kinds.keys() - {x for is_name, x in places if is_name}:
            raise TypeError(f"The query changes or leaves out {sorted(lost)}.")
        return sql, places

    @cached_property
    def _columns(self) -> Sequence[Sequence[str]]:
        return [
            [field.attname for field in part._meta.concrete_fields]
            if issubclass(part, Model)
            else [""]
            for part in self._parts
        ]

    def objects(self, row: tuple[Any, ...]) -> list[Any]:
        """A row as its parts: objects of the models, annotations as they are."""
        made: list[Any] = []
        begin = 0
        for part, columns in zip(self._parts, self._columns, strict=True):
            end = begin + len(columns)
            if issubclass(part, Model):
                made.append(part.from_db(DEFAULT_DB_ALIAS, columns, row[begin:end]))
            else:
                made.append(row[begin])
            begin = end
        return made


def _place(value: Any, names: dict[Any, str]) -> tuple[bool, Any]:
    is_name = value.__hash__ is not None and value in names
    return (True, names[value]) if is_name else (False, value)
