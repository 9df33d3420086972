"""*Use it or lose it*: what quota that would soon lapse could still scan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.urls import reverse

from accounts.models import Account
from quota.models import ImageFilter, Kind, Scope
from quota.pages.header import Standing
from quota.pages.words import Clock, plural
from quota.rules.advice import use_of
from quota.rules.units import format_quota

NEAR = timedelta(days=7)
# An image is counted up to so many; what more there is, is "more".
COUNTED_TO = 10_000


@dataclass(frozen=True, slots=True)
class Unused:
    """What is left over before a reset, and a filled *Scan now* that uses it."""

    lead: str
    words: str
    label: str
    cost: str
    url: str


@dataclass(frozen=True, slots=True)
class _Offer:
    """Images of one list that fit: never scanned, or scanned before."""

    kind: Kind
    cost: str
    images: int
    tenths: int
    is_all: bool

    @property
    def words(self) -> str:
        """``12 local images never scanned (12)``."""
        images = plural(self.images, f"{self.kind} image")
        what = f"{images} never scanned"
        if self.cost == "repeat":
            what = f"{images} with the oldest results again"
        return f"{what} ({format_quota(self.tenths)})"


def unused(account: Account, stands: Standing, clock: Clock) -> Unused | None:
    """The offer, in the seven days before a reset at which quota would be lost; None
    otherwise. At most four capped counts."""
    header, found = stands.header, stands.forecast
    if header is None or not stands.is_active or found is None:
        return None
    resets_at = stands.windows[0].ends_at
    # Only the months that reset next can lose anything by then.
    closing = sum(w.free for w in stands.windows if w.ends_at == resets_at)
    spare = min(found.spare_tenths, closing)
    if resets_at - clock.now > NEAR or spare < stands.tariff.repeat_tenths:
        return None
    offers = _offers(account, stands, spare)
    if not offers:
        return None
    first = offers[0]
    query = urlencode({"scope": Scope.MATCHING.value, "cost": first.cost})
    scan = reverse("quota:scan-now", args=[account.slug, first.kind])
    return Unused(
        lead=(
            f"About {format_quota(spare)} would be unused at the reset"
            f" {clock.within(resets_at)}, and lost."
        ),
        words=f"It could scan {' and '.join(offer.words for offer in offers)}.",
        label=f"Scan {plural(first.images, 'image')}" if first.is_all else "Scan now",
        cost=format_quota(first.tenths) if first.is_all else "",
        url=f"{scan}?{query}" if first.is_all else f"{scan}?scope={Scope.ALL.value}",
    )


def _offers(account: Account, stands: Standing, spare: int) -> Sequence[_Offer]:
    """What fits, of the list that has the more to scan: firsts before repeats."""
    tariff = stands.tariff
    found: list[Sequence[_Offer]] = []
    for kind in Kind:
        firsts = _count(account, kind, "first")
        repeats = _count(account, kind, "repeat")
        use = use_of(
            spare,
            firsts=firsts,
            repeats=repeats,
            first_tenths=tariff.first_tenths,
            repeat_tenths=tariff.repeat_tenths,
        )
        of_kind = [
            _Offer(kind, cost, images, images * weight, is_all=images == there)
            for cost, images, weight, there in (
                ("first", use.firsts, tariff.first_tenths, firsts),
                ("repeat", use.repeats, tariff.repeat_tenths, repeats),
            )
            if images
        ]
        found.append(of_kind)
    return max(found, key=_worth)


def _worth(offers: Sequence[_Offer]) -> int:
    return sum(offer.tenths for offer in offers)


def _count(account: Account, kind: Kind, cost: str) -> int:
    images = ImageFilter(kind, cost=cost).images(account.pk)
    return images.order_by().values("id")[:COUNTED_TO].count()
