"""Which images are meant: a filter of the list, or a choice in *Scan now*."""

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet

from quota.models.images import Image

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


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """The filters of *Local images*; an empty string means "any"."""

    text: str = ""
    state: str = ""
    risk: str = ""
    cost: str = ""
    running: bool = False

    def images(self, account_id: int) -> QuerySet[Image]:
        """The account's local images that pass."""
        images = Image.objects.filter(account=account_id, is_local=True)
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
        return images.filter(risk & cost)

    def _matches_text(self) -> Q:
        text = self.text.strip().lower()
        if digest := DIGEST.match(text):
            return Q(digest__startswith=f"sha256:{digest[1]}") | Q(
                search__contains=text
            )
        return Q(search__contains=text)


class Scope(StrEnum):
    """The choices under *Which images*."""

    SELECTED = "selected"
    MATCHING = "matching"
    RECOMMENDED = "recommended"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of images: ticked ones, all that match a filter, recommended, or all."""

    scope: Scope
    ids: tuple[int, ...] = ()
    filter: ImageFilter = field(default_factory=ImageFilter)

    def images(self, account_id: int, now: datetime) -> QuerySet[Image]:
        """The account's images that are meant, whether or not they can be scanned."""
        local = ImageFilter().images(account_id)
        if self.scope is Scope.SELECTED:
            return local.filter(pk__in=self.ids)
        if self.scope is Scope.MATCHING:
            return self.filter.images(account_id)
        if self.scope is Scope.RECOMMENDED:
            stale = Q(scanned_at=None) | Q(scanned_at__lt=now - RECOMMENDED_AFTER)
            return local.filter(stale, containers__gt=0)
        return local

    def asked(self) -> dict[str, Any]:
        """The selection as plain data, for the task's record of what was asked."""
        return {**asdict(self), "ids": sorted(self.ids)}
