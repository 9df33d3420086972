"""Which images are meant: a filter of a list, or a choice in *Scan now*."""

import re
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from quota.models.images import LOCAL, REPOSITORY, Image, Sighting
from quota.models.scans import Scan

RECOMMENDED_AFTER = timedelta(days=7)
DIGEST = re.compile(r"^(?:sha256:)?([0-9a-f]{12,64})$")
NO_RISK = Q(critical=0, high=0, medium=0, low=0, unknown=0, trojans=0, sensitive=0)
RISKS = {
    "high": Q(critical__gt=0) | Q(high__gt=0),
    "trojans": Q(trojans__gt=0),
    "sensitive": Q(sensitive__gt=0),
    "none": NO_RISK,
}
COSTS = {"first": Q(first_scans=0), "repeat": Q(first_scans__gt=0)}


class Kind(StrEnum):
    """Which list: the images of hosts and archives, or those of registries."""

    LOCAL = "local"
    REPOSITORY = "repository"


IS_OF = {Kind.LOCAL: LOCAL, Kind.REPOSITORY: REPOSITORY}
SEARCHED = {Kind.LOCAL: "search", Kind.REPOSITORY: "repository_search"}


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """The filters of a list of images; an empty string means "any"."""

    kind: Kind = Kind.LOCAL
    text: str = ""
    state: str = ""
    risk: str = ""
    cost: str = ""
    running: bool = False
    registry: int = 0
    type: str = ""
    namespace: str = ""
    tag: str = ""
    latest: bool = False

    def images(self, account_id: int) -> QuerySet[Image]:
        """The account's images of this kind that pass."""
        images = Image.objects.filter(IS_OF[self.kind], account=account_id)
        if self.text:
            images = images.filter(self._matches_text())
        if self.state in {"queued", "scanning"}:
            state = "queued" if self.state == "queued" else "running"
            images = images.filter(scans__account=account_id, scans__state=state)
        elif self.state:
            images = images.filter(outcome=self.state)
        if self.running:
            images = images.filter(containers__gt=0)
        risk, cost = RISKS.get(self.risk, Q()), COSTS.get(self.cost, Q())
        return images.filter(risk & cost & self._seen(account_id))

    def _seen(self, account_id: int) -> Q:
        """Seen in a registry under one name and tag that pass; anywhere, if not
        asked."""
        asked: dict[str, Any] = {
            "registry": self.registry,
            "registry__type": self.type,
            "namespace": self.namespace.strip().strip("/").lower(),
            "tag": self.tag.strip(),
            "is_latest": self.latest,
        }
        wanted = {name: value for name, value in asked.items() if value}
        if not wanted or self.kind is not Kind.REPOSITORY:
            return Q()
        seen = Sighting.objects.filter(
            account=account_id, image=OuterRef("pk"), registry__isnull=False
        )
        return Q(Exists(seen.filter(**wanted)))

    def _matches_text(self) -> Q:
        """A word of the name or tag, or the beginning of an image ID. The words of
        local images hold the first twelve digits of it, so their index finds it."""
        text = self.text.strip().lower()
        named = Q(**{f"{SEARCHED[self.kind]}__contains": text})
        if not (digest := DIGEST.match(text)):
            return named
        begins = Q(digest__startswith=f"sha256:{digest[1]}") | named
        if self.kind is Kind.LOCAL:
            return begins & Q(search__contains=digest[1][:12])
        return begins


class Scope(StrEnum):
    """The choices under *Which images*."""

    SELECTED = "selected"
    MATCHING = "matching"
    RECOMMENDED = "recommended"
    ALL = "all"
    RETRY = "retry"
    AGAIN = "again"

    @property
    def names_images(self) -> bool:
        """Whether it means images one by one, and not whichever there are."""
        return self in {Scope.SELECTED, Scope.RETRY, Scope.AGAIN}


def _as_regex(name: str) -> str:
    """A name to leave out as PostgreSQL matches it: without a tag it means every tag;
    only a star is special. The beginning of an image ID means that image."""
    name = name.strip().lower()
    if digest := DIGEST.match(name):
        return digest[1][:12]
    plain = r"[^ ]*".join(re.sub(r"(\W)", r"\\\1", part) for part in name.split("*"))
    return plain if ":" in name else f"{plain}:[^ ]*"


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of images of one kind: ticked ones, all that match a filter, recommended,
    or all; or those of an earlier ``task``, every one or only what failed.

    ``left_out`` takes names away again, ``*`` standing for anything. ``latest_only``
    keeps what is the latest of its repository. Of an image for several platforms that
    for linux/amd64 is meant, unless ``other_platforms`` are wanted too or images are
    chosen one by one (rules 5.1). ``leeway_hours`` lets a result count as
    a week old a little sooner, for a run that comes exactly a week later.
    """

    scope: Scope
    ids: tuple[int, ...] = ()
    filter: ImageFilter = field(default_factory=ImageFilter)
    kind: Kind = Kind.LOCAL
    task: int | None = None
    left_out: tuple[str, ...] = ()
    latest_only: bool = False
    other_platforms: bool = False
    leeway_hours: int = 0

    def images(self, account_id: int, now: datetime) -> QuerySet[Image]:
        """The account's images that are meant, whether or not they can be scanned."""
        images = self._of_any_platform(account_id, now)
        if self._takes_every_platform:
            return images
        return images.filter(is_other_platform=False)

    def passed_over(self, account_id: int, now: datetime) -> QuerySet[Image]:
        """What would be meant too, were it not of another platform."""
        images = self._of_any_platform(account_id, now)
        if self._takes_every_platform:
            return images.none()
        return images.filter(is_other_platform=True)

    @property
    def _takes_every_platform(self) -> bool:
        return self.other_platforms or self.scope.names_images

    def _of_any_platform(self, account_id: int, now: datetime) -> QuerySet[Image]:
        images = self._of_scope(account_id, now)
        if self.left_out:
            images = images.exclude(self._is_left_out())
        if self.latest_only:
            latest = Sighting.objects.filter(
                account=account_id, image=OuterRef("pk"), is_latest=True
            )
            images = images.filter(Exists(latest))
        return images

    def _of_scope(self, account_id: int, now: datetime) -> QuerySet[Image]:
        if self.scope is Scope.MATCHING:
            return replace(self.filter, kind=self.kind).images(account_id)
        all_of_kind = ImageFilter(self.kind).images(account_id)
        if self.scope is Scope.SELECTED:
            return all_of_kind.filter(pk__in=self.ids)
        if self.scope in {Scope.RETRY, Scope.AGAIN}:
            return all_of_kind.filter(pk__in=self._images_of_task(account_id))
        if self.scope is Scope.RECOMMENDED:
            before = now - RECOMMENDED_AFTER + timedelta(hours=self.leeway_hours)
            stale = Q(scanned_at=None) | Q(scanned_at__lt=before)
            return all_of_kind.filter(stale, containers__gt=0)
        return all_of_kind

    def _is_left_out(self) -> Q:
        """The words of an image are ``name:tag`` and the beginning of its ID."""
        wanted = "|".join(_as_regex(name) for name in self.left_out)
        return Q(**{f"{SEARCHED[self.kind]}__regex": f"(^| )({wanted})( |$)"})

    def _images_of_task(self, account_id: int) -> QuerySet[Scan, int]:
        scans = Scan.objects.filter(account=account_id, task=self.task)
        if self.scope is Scope.RETRY:
            scans = scans.filter(place=Scan.Place.FAILED)
        return scans.values_list("image", flat=True)

    def asked(self) -> dict[str, Any]:
        """The selection as plain data, for the task's record of what was asked."""
        return {
            **asdict(self),
            "ids": sorted(self.ids),
            "left_out": list(self.left_out),
        }
