"""A list of images: one page of rows by keyset, its filters, and what rows say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from accounts.statements import Statement
from quota.models import Image, ImageFilter, Kind, Sighting
from quota.pages import cells
from quota.pages.header import Standing
from quota.pages.listed import NAMED, PAGE, Sort, listed, sorts_of
from quota.pages.words import Clock, lowered, plural
from quota.rules.units import format_quota

COUNTED_TO = 1_000


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
    detail: str = ""
    cost: str = ""
    reason: str = ""
    is_first: bool = False
    task_url: str = ""
    scan_url: str = ""
    act: str = ""
    registry: str = ""
    registry_type: str = ""
    namespace: str = ""


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


TONES = {
    "not_scanned": ("Not scanned", "circle-dashed", ""),
    "queued": ("Queued", "clock", ""),
    "running": ("Scanning", "loader-circle", "run"),
    "scanned": ("Scanned", "circle-check", "ok"),
    "failed": ("Failed", "circle-x", "bad"),
    "stopped": ("Stopped", "square", ""),
}


class Listing(NamedTuple):
    """The list an image was opened from; without a sort, none is known."""

    filter: ImageFilter
    sort: Sort | None

    def query(self) -> dict[str, str]:
        """The list as query parameters."""
        if not self.sort:
            return {}
        return {**filter_query(self.filter), "sort": self.sort.value}


def filter_query(chosen: ImageFilter) -> dict[str, str]:
    """The filter as query parameters, without what is "any"."""
    named = {
        "q": chosen.text,
        "state": chosen.state,
        "risk": chosen.risk,
        "cost": chosen.cost,
        "running": "1" if chosen.running else "",
        "registry": str(chosen.registry or ""),
        "type": chosen.type,
        "namespace": chosen.namespace,
        "tag": chosen.tag,
        "latest": "1" if chosen.latest else "",
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
    found, after = listed(account, chosen, sort, cursor)
    query = filter_query(chosen)
    by = {**query, "sort": sort.value}
    maker = _RowMaker(account, chosen.kind, Clock(account, now), standing, by)
    rows = [maker.row(row) for row in found]
    if chosen.kind is Kind.REPOSITORY:
        _say_where(account, rows)
    return ImagesPage(
        rows=rows,
        count=_count(account, chosen, sort, found, bool(after or cursor)),
        next_query=urlencode({**by, "after": after}) if after else "",
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


def _say_where(account: Account, rows: Sequence[Row]) -> None:
    """In which registry each image is, in one query for the page."""
    seen = (
        Sighting.objects.filter(
            account=account, image__in=[row.id for row in rows], registry__isnull=False
        )
        .order_by("image", "registry", "name", "tag")
        .distinct("image", "registry")
        .select_related("registry")
    )
    places: dict[int, list[Sighting]] = {}
    for sighting in seen:
        places.setdefault(sighting.image_id, []).append(sighting)
    for row in rows:
        here = places.get(row.id)
        if not here or here[0].registry is None:
            continue
        row.registry = here[0].registry.name
        more = f" and {len(here) - 1} more" if len(here) > 1 else ""
        row.registry_type = f"{here[0].registry.get_type_display()}{more}"
        row.namespace = here[0].namespace


def _count(
    account: Account,
    chosen: ImageFilter,
    sort: Sort,
    found: Sequence[Any],
    is_part: bool,
) -> str:
    """Exact up to a thousand. A text search that goes on is not counted: that could
    read the whole list."""
    if not is_part:
        return plural(len(found), "image")
    if chosen.text:
        return f"More than {PAGE} images"
    column = sort.column(chosen.kind)
    count = _counted(chosen, column).count(account=account.pk)
    return f"{COUNTED_TO:,}+ images" if count > COUNTED_TO else plural(count, "image")


@lru_cache(maxsize=512)
def _counted(chosen: ImageFilter, column: str) -> Statement:
    """The images to count, off the index that serves their list."""

    def build(account: int) -> QuerySet[Image, tuple[int]]:
        images = chosen.images(account).order_by(column)
        return images.values_list("id")[: COUNTED_TO + 1]

    return Statement(build, {"account": int})


class _RowMaker:
    """Makes URLs, dates and figures once, outside the template's loop."""

    def __init__(
        self,
        account: Account,
        kind: Kind,
        clock: Clock,
        standing: Standing,
        by: Mapping[str, str],
    ) -> None:
        self.clock = clock
        self.named = NAMED[kind]
        self.standing = standing
        self.first_cost = format_quota(standing.tariff.first_tenths)
        self.repeat_cost = format_quota(standing.tariff.repeat_tenths)
        at = [account.slug, kind]
        self.image_url = reverse("quota:image", args=[*at, "sha256:0"])[:-8]
        self.by = f"?{urlencode(by)}"
        self.scan_url = reverse("quota:scan-now", args=at)
        self.task_url = reverse("quota:task", args=[account.slug, 0])[:-1]

    def row(self, image: Mapping[str, Any]) -> Row:
        """One row's cells; the template only places them."""
        digest = image["digest"]
        row = Row(
            id=image["id"],
            url=f"{self.image_url}{digest}{self.by}",
            name=image[self.named.name],
            tag=image[self.named.tag],
            short_id=digest[7:19],
            note=self._note(image),
            containers=image["containers"],
            severity=cells.severity(image, scanned=image["scanned_at"] is not None),
            trojans=cells.figure(image["trojans"], bad=True),
            sensitive=cells.figure(image["sensitive"]),
            state=cells.state(*TONES[image["flight__state"] or image["outcome"]]),
        )
        (self._flying if image["flight__state"] else self._landed)(row, image)
        return row

    def _flying(self, row: Row, image: Mapping[str, Any]) -> None:
        """What holds of an image in a task."""
        row.detail = f"Task {image['flight__task']}"
        row.task_url = f"{self.task_url}{image['flight__task']}"
        row.cost = f"{format_quota(image['flight__cost_tenths'])} held"

    def _landed(self, row: Row, image: Mapping[str, Any]) -> None:
        """What the next scan of an image in no task costs."""
        row.detail = self._detail(image)
        row.is_first = self.standing.is_first(image["scanned_at"])
        row.cost = self.first_cost if row.is_first else self.repeat_cost
        row.reason = "First scan" if row.is_first else "Repeat"
        row.scan_url = f"{self.scan_url}?image={row.id}"
        row.act = "Retry" if image["outcome"] == Image.Outcome.FAILED else "Scan"

    def _note(self, image: Mapping[str, Any]) -> str:
        count = image[self.named.tags]
        tags = f"{count} tags" if count > 1 else ""
        return " ".join(part for part in (tags, _platform(image)) if part)

    def _detail(self, image: Mapping[str, Any]) -> str:
        if image["outcome"] == Image.Outcome.NOT_SCANNED:
            return f"Seen {lowered(self.clock.moment(image['first_seen_at']))}"
        if image["outcome"] == Image.Outcome.FAILED:
            return str(image["outcome_reason"])
        return self.clock.moment(image["active_at"])


def _platform(image: Mapping[str, Any]) -> str:
    parts = (image["os"], image["architecture"], image["variant"])
    platform = "/".join(part for part in parts if part)
    return "" if platform == "linux/amd64" else platform
