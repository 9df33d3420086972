"""A list of images: one page of rows by keyset, its filters, and what rows say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.core import signing
from django.db.models import F, FilteredRelation, Q, QuerySet
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleLessThan,
)
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from quota.models import Image, ImageFilter, Kind
from quota.pages import cells
from quota.pages.header import Standing
from quota.pages.words import Clock, plural
from quota.rules.units import format_quota

PAGE = 50
COUNTED_TO = 1_000


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


class UnknownCursor(ValueError):
    """The place in the list is not one we gave out for this list."""


@dataclass(slots=True)
class Row:
    """One image as the table prints it. A scan in flight has a task; without one the
    image can be scanned."""

    id: int
    url: str
    name: str
    tag: str
    short_id: str
    note: str
    containers: int
    severity: SafeString
    trojans: SafeString
    sensitive: SafeString
    state: SafeString
    detail: str
    cost: str
    reason: str = ""
    is_first: bool = False
    task_url: str = ""
    scan_url: str = ""
    act: str = ""


@dataclass(frozen=True, slots=True)
class ImagesPage:
    """One page of the list, with the ways on and back to the start."""

    rows: Sequence[Row]
    count: str
    next_query: str
    first_query: str
    sorts: Mapping[str, str]
    sort: Sort
    filter: ImageFilter
    is_filtered: bool
    filter_query: str
    is_polling: bool


COLUMNS = (
    "id", "digest", "os", "architecture", "variant",
    "containers", "critical", "high", "medium", "low", "unknown", "trojans",
    "sensitive", "outcome", "outcome_reason", "active_at", "scanned_at", "risk",
    "first_seen_at", "flight__state", "flight__task", "flight__cost_tenths",
)  # fmt: skip

TONES = {
    "not_scanned": ("Not scanned", "circle-dashed", ""),
    "queued": ("Queued", "clock", ""),
    "running": ("Scanning", "loader-circle", "run"),
    "scanned": ("Scanned", "circle-check", "ok"),
    "failed": ("Failed", "circle-x", "bad"),
    "stopped": ("Stopped", "square", ""),
}


def filter_query(chosen: ImageFilter) -> dict[str, str]:
    """The filter as query parameters, without what is "any"."""
    named = {
        "q": chosen.text,
        "state": chosen.state,
        "risk": chosen.risk,
        "cost": chosen.cost,
        "running": "1" if chosen.running else "",
    }
    return {name: value for name, value in named.items() if value}


def images_page(
    *,
    account: Account,
    chosen: ImageFilter,
    sort: Sort,
    cursor: str,
    standing: Standing,
    now: datetime,
) -> ImagesPage:
    """One page of the account's images of a kind in one query, and a capped count.

    Refuses a cursor that was not given out for this account, kind and sort
    (UnknownCursor).
    """
    place = _Place(account, chosen.kind, sort)
    images = place.after(chosen.images(account.pk), cursor)
    images = place.ordered(images).annotate(flight=_flight(account))
    found = list(images.values(*COLUMNS, *NAMED[chosen.kind])[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    maker = _RowMaker(account, chosen.kind, Clock(account, now), standing)
    query = filter_query(chosen)
    by = {**query, "sort": sort.value}
    after = place.cursor(found[-1]) if more else ""
    return ImagesPage(
        rows=[maker.row(row) for row in found],
        count=_count(account, chosen, found, more, cursor),
        next_query=urlencode({**by, "after": after}) if more else "",
        first_query=urlencode(by) if cursor else "",
        sorts={
            s.value: urlencode({**query, "sort": s.value})
            for s in sorts_of(chosen.kind)
        },
        sort=sort,
        filter=chosen,
        is_filtered=bool(query),
        filter_query=urlencode(query),
        is_polling=any(row["flight__state"] for row in found),
    )


class _Place:
    """A place in one list of one account under one sort, and how to go on from it."""

    def __init__(self, account: Account, kind: Kind, sort: Sort) -> None:
        self.column = sort.column(kind)
        self.sort = sort
        self.salt = f"images.{account.pk}.{kind}.{sort}"

    def ordered(self, images: QuerySet[Image]) -> QuerySet[Image]:
        """The list in its order."""
        mark = "-" if self.sort.descending else ""
        return images.order_by(f"{mark}{self.column}", f"{mark}id")

    def cursor(self, last: Mapping[str, Any]) -> str:
        """The place after this row, signed."""
        value = last[self.column]
        if isinstance(value, datetime):
            value = value.isoformat()
        return signing.dumps([value, last["id"]], salt=self.salt)

    def after(self, images: QuerySet[Image], cursor: str) -> QuerySet[Image]:
        """What follows a place. Refuses one given out for another list."""
        if not cursor:
            return images
        try:
            value, last_id = signing.loads(cursor, salt=self.salt)
        except signing.BadSignature as error:
            raise UnknownCursor("That place in the list is not known.") from error
        if self.sort is Sort.ACTIVE:
            value = datetime.fromisoformat(value)
        beyond = TupleLessThan if self.sort.descending else TupleGreaterThan
        return images.filter(beyond(Tuple(F(self.column), F("id")), (value, last_id)))


def _count(
    account: Account,
    chosen: ImageFilter,
    found: Sequence[Any],
    more: bool,
    cursor: str,
) -> str:
    """Exact up to a thousand. A text search that goes on is not counted: that could
    read the whole list."""
    if not more and not cursor:
        return plural(len(found), "image")
    if chosen.text:
        return f"More than {PAGE} images"
    capped = chosen.images(account.pk).order_by().values("id")[: COUNTED_TO + 1]
    count = capped.count()
    return f"{COUNTED_TO:,}+ images" if count > COUNTED_TO else plural(count, "image")


def _flight(account: Account) -> FilteredRelation:
    """The image's scan that is queued or running; there is never a second."""
    in_flight = Q(scans__account=account, scans__state__in=["queued", "running"])
    return FilteredRelation("scans", condition=in_flight)


class _RowMaker:
    """Makes URLs, dates and figures once, outside the template's loop."""

    def __init__(
        self, account: Account, kind: Kind, clock: Clock, standing: Standing
    ) -> None:
        self.clock = clock
        self.named = NAMED[kind]
        self.history = standing.history
        self.first_cost = format_quota(standing.tariff.first_tenths)
        self.repeat_cost = format_quota(standing.tariff.repeat_tenths)
        at = [account.slug, kind]
        self.image_url = reverse("quota:image", args=[*at, "sha256:0"])[:-8]
        self.scan_url = reverse("quota:scan-now", args=at)
        self.task_url = reverse("quota:task", args=[account.slug, 0])[:-1]

    def row(self, image: Mapping[str, Any]) -> Row:
        """One row's cells; the template only places them."""
        return Row(
            id=image["id"],
            url=f"{self.image_url}{image['digest']}",
            name=image[self.named.name],
            tag=image[self.named.tag],
            short_id=image["digest"][7:19],
            note=self._note(image),
            containers=image["containers"],
            severity=cells.severity(image, scanned=image["scanned_at"] is not None),
            trojans=cells.figure(image["trojans"], bad=True),
            sensitive=cells.figure(image["sensitive"]),
            **(self._flying if image["flight__state"] else self._landed)(image),
        )

    def _flying(self, image: Mapping[str, Any]) -> dict[str, Any]:
        """State and cost of an image in a task."""
        return {
            "state": cells.state(*TONES[image["flight__state"]]),
            "detail": f"Task {image['flight__task']}",
            "task_url": f"{self.task_url}{image['flight__task']}",
            "cost": f"{format_quota(image['flight__cost_tenths'])} held",
        }

    def _landed(self, image: Mapping[str, Any]) -> dict[str, Any]:
        """State of an image in no task, and what its next scan costs."""
        is_first = self._is_first(image)
        return {
            "state": cells.state(*TONES[image["outcome"]]),
            "detail": self._detail(image),
            "is_first": is_first,
            "cost": self.first_cost if is_first else self.repeat_cost,
            "reason": "First scan" if is_first else "Repeat",
            "scan_url": f"{self.scan_url}?image={image['id']}",
            "act": "Retry" if image["outcome"] == Image.Outcome.FAILED else "Scan",
        }

    def _note(self, image: Mapping[str, Any]) -> str:
        count = image[self.named.tags]
        tags = f"{count} tags" if count > 1 else ""
        return " ".join(part for part in (tags, _platform(image)) if part)

    def _is_first(self, image: Mapping[str, Any]) -> bool:
        scanned = image["scanned_at"]
        return scanned is None or (self.history is not None and scanned < self.history)

    def _detail(self, image: Mapping[str, Any]) -> str:
        if image["outcome"] == Image.Outcome.NOT_SCANNED:
            return f"Seen {_lower(self.clock.moment(image['first_seen_at']))}"
        if image["outcome"] == Image.Outcome.FAILED:
            return str(image["outcome_reason"])
        return self.clock.moment(image["active_at"])


def _lower(words: str) -> str:
    """Lower the first letter of Today and Yesterday, not of a weekday."""
    return (
        words[0].lower() + words[1:] if words.startswith(("Today", "Yest")) else words
    )


def _platform(image: Mapping[str, Any]) -> str:
    parts = (image["os"], image["architecture"], image["variant"])
    platform = "/".join(part for part in parts if part)
    return "" if platform == "linux/amd64" else platform
