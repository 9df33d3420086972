"""The rows of a list of images: one page by keyset, however many images there are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, F, FilteredRelation, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleLessThan,
)

from accounts.models import Account
from accounts.statements import Statement
from quota.models import Image, ImageFilter, Kind
from quota.models.selection import SEARCHED
from quota.pages import cursors

PAGE = 50
# How far a search walks along the list before it looks all hits up instead.
WALK = 1_000

COLUMNS = (
    "id", "digest", "os", "architecture", "variant",
    "containers", "critical", "high", "medium", "low", "unknown", "trojans",
    "sensitive", "outcome", "outcome_reason", "active_at", "scanned_at", "risk",
    "first_seen_at", "flight__state", "flight__task", "flight__cost_tenths",
)  # fmt: skip

# The walk met less than a page.
UNMET = RawSQL("(SELECT count(*) FROM met) <= %s", (PAGE,), BooleanField())

Found = Mapping[str, Any]
Point = tuple[Any, int]


class Sort(StrEnum):
    """The sortable columns; all but the name begin with the largest or newest."""

    NAME = "name"
    CONTAINERS = "containers"
    RISK = "risk"
    ACTIVE = "active"

    def column(self, kind: Kind) -> str:
        """The column of the index that serves this sort."""
        if self is Sort.NAME:
            return NAMED[kind].name
        return "active_at" if self is Sort.ACTIVE else self.value

    @property
    def descending(self) -> bool:
        """Whether the list begins at the largest value."""
        return self is not Sort.NAME

    @property
    def holds(self) -> type:
        """What its column holds."""
        return {Sort.NAME: str, Sort.ACTIVE: datetime}.get(self, int)


class Named(NamedTuple):
    """The columns that say what an image is called in a list."""

    name: str
    tag: str
    tags: str


NAMED = {
    Kind.LOCAL: Named("name", "tag", "tags"),
    Kind.REPOSITORY: Named("repository", "repository_tag", "repository_tags"),
}


def sorts_of(kind: Kind) -> Sequence[Sort]:
    """The sorts a list offers. Registries know of no containers."""
    unknown = {Sort.CONTAINERS} if kind is Kind.REPOSITORY else set()
    return [sort for sort in Sort if sort not in unknown]


def listed(
    account: Account, chosen: ImageFilter, sort: Sort, cursor: str
) -> tuple[Sequence[Found], str]:
    """One page of images in one query, and the cursor of the next page, if any.

    Refuses a cursor that was not given out for this account, kind and sort
    (UnknownCursor).
    """
    order = _Order(chosen.kind, sort)
    salt = f"images.{account.pk}.{chosen.kind}.{sort}"
    point = order.point(cursor, salt) if cursor else None
    if chosen.text:
        hits = Image.objects.filter(pk__in=_hits(account.pk, chosen, order, point))
        found = list(order.page(hits, account.pk))
    else:
        values = {"value": point[0], "last": point[1]} if point else {}
        statement = _statement(chosen, sort, point is not None)
        found = statement.rows(account=account.pk, **values)
    rows = [dict(zip(order.columns, row, strict=True)) for row in found[:PAGE]]
    return rows, order.cursor(rows[-1], salt) if len(found) > PAGE else ""


def beside(
    account: Account, chosen: ImageFilter, sort: Sort, image: Image
) -> tuple[str, str]:
    """The image IDs before and after an image in a list, "" at its ends. The image need
    not be in it any more."""
    order = _Order(chosen.kind, sort)
    images = chosen.images(account.pk)
    point = (getattr(image, order.column), image.pk)
    after = order.ordered(order.after(images, point))
    before = order.ordered(order.before(images, point)).reverse()
    found = [each.values_list("digest", flat=True).first() for each in (before, after)]
    return found[0] or "", found[1] or ""


@lru_cache(maxsize=512)
def _statement(chosen: ImageFilter, sort: Sort, goes_on: bool) -> Statement:
    """The query of a list that is not searched, worded once."""
    order = _Order(chosen.kind, sort)

    def build(account: int, **point: Any) -> QuerySet[Image, tuple[Any, ...]]:
        at = (point["value"], point["last"]) if point else None
        return order.page(order.after(chosen.images(account), at), account)

    kinds = {"value": sort.holds, "last": int} if goes_on else {}
    return Statement(build, {"account": int, **kinds})


class _Order:
    """The order of a list, and the ways on from a point in it."""

    def __init__(self, kind: Kind, sort: Sort) -> None:
        self.sort = sort
        self.column = sort.column(kind)
        self.columns = (*COLUMNS, *NAMED[kind])

    def page(
        self, images: QuerySet[Image], account: int
    ) -> QuerySet[Image, tuple[Any, ...]]:
        """A page of these images and one more, each with its scan that is queued or
        running; there is never a second."""
        in_flight = Q(scans__account=account, scans__state__in=["queued", "running"])
        flight = FilteredRelation("scans", condition=in_flight)
        paged = self.ordered(images).annotate(flight=flight)
        return paged.values_list(*self.columns)[: PAGE + 1]

    def ordered(self, images: QuerySet[Image]) -> QuerySet[Image]:
        """These images in this order."""
        mark = "-" if self.sort.descending else ""
        return images.order_by(f"{mark}{self.column}", f"{mark}id")

    def after(self, images: QuerySet[Image], point: Point | None) -> QuerySet[Image]:
        """What follows the point."""
        if point is None:
            return images
        beyond = TupleLessThan if self.sort.descending else TupleGreaterThan
        return images.filter(beyond(Tuple(F(self.column), F("id")), point))

    def before(self, images: QuerySet[Image], point: Point) -> QuerySet[Image]:
        """What precedes the point."""
        beyond = TupleGreaterThan if self.sort.descending else TupleLessThan
        return images.filter(beyond(Tuple(F(self.column), F("id")), point))

    def cursor(self, last: Found, salt: str) -> str:
        """The point after this row, signed."""
        value = last[self.column]
        if isinstance(value, datetime):
            value = value.isoformat()
        return cursors.give([value, last["id"]], salt)

    def point(self, cursor: str, salt: str) -> Point:
        """Read a cursor. Refuses one given out for another list."""
        value, last = cursors.read(cursor, salt)
        return datetime.fromisoformat(
            value
        ) if self.sort is Sort.ACTIVE else value, last


def _hits(
    account: int, chosen: ImageFilter, order: _Order, point: Point | None
) -> RawSQL:
    """The images of the page that a search shows.

    Where hits are many, a short walk along the list mostly meets a page of them.
    Otherwise the planner goes by how rare the word is: it looks a rare one up in the
    index of words, and walks on for a frequent one.
    """
    words, everything = SEARCHED[chosen.kind], replace(chosen, text="")
    walk = order.ordered(order.after(everything.images(account), point))[:WALK]
    walk_sql, walk_values = walk.values("id", words).query.sql_with_params()
    hits = order.after(chosen.images(account), point).filter(UNMET)
    hits_sql, hits_values = hits.values("id", order.column).query.sql_with_params()
    direction = "DESC" if order.sort.descending else "ASC"
    like = f"%{connection.ops.prep_for_like_query(chosen.text.strip().lower())}%"
    return RawSQL(  # noqa: S611 -- Django's own text around ours; values are parameters
        f"""
        WITH met AS MATERIALIZED (
            SELECT walk.id FROM ({walk_sql}) walk WHERE walk.{words} LIKE %s
            LIMIT {PAGE + 1}
        ), hits AS ({hits_sql})
        SELECT id FROM met WHERE (SELECT count(*) FROM met) > {PAGE}
        UNION ALL
        (SELECT id FROM hits ORDER BY {order.column} {direction}, id {direction}
         LIMIT {PAGE + 1})
        """,  # noqa: S608 -- as above
        (*walk_values, like, *hits_values),
    )
