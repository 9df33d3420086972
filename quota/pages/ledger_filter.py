"""Which entries of the ledger are asked for, by month, type, day, or a word."""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Q, QuerySet

from accounts.models import Account, Member
from quota.models import (
    Image,
    ImageFilter,
    Kind,
    LedgerBatch,
    LedgerEntry,
    Scan,
    UsageBin,
)
from quota.pages.words import Clock, plural

EntryKind = LedgerEntry.Kind
# What a word may name at most: its images, and their latest scans.
MOST_IMAGES, MOST_SCANS = 50, 5_000
TASK = re.compile(r"(?:task\s*)?#?(\d{1,18})", re.IGNORECASE)
TYPES: Mapping[str, tuple[str, str, dict[str, str]]] = {
    "first": ("First scan", "info", {"kind": EntryKind.SETTLE, "reason": "first"}),
    "repeat": ("Repeat scan", "", {"kind": EntryKind.SETTLE, "reason": "repeat"}),
    "hold": ("Hold", "", {"kind": EntryKind.HOLD}),
    "release": ("Returned", "ok", {"kind": EntryKind.RELEASE}),
    "grant": ("Grant", "ok", {"kind": EntryKind.GRANT}),
    "lapse": ("Reset", "", {"kind": EntryKind.LAPSE}),
    "revoke": ("Refund", "warn", {"kind": EntryKind.REVOKE}),
}
IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries: of one month of a pack, type and day, or any; ``q`` names an
    image, a task or a person, ``of`` that it is to be an image."""

    month: str = ""
    kind: str = ""
    day: str = ""
    q: str = ""
    of: str = ""

    def query(self) -> dict[str, str]:
        """As query parameters, without what is "any"."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class Sought:
    """What a word turned out to name: the entries ``where``, or those of ``digests``
    where it named images. ``maybe_images`` says that images may bear it as well."""

    words: str = ""
    where: Q | None = None
    digests: Collection[str] | None = None
    maybe_images: bool = False


def sought(account: Account, asked: Asked) -> Sought:
    """Read the word: a task's number, then a member's name, else the name or ID of
    images. At most three queries."""
    word = asked.q.strip()
    if not word:
        return Sought()
    if asked.of != IMAGES:
        if number := TASK.fullmatch(word):
            return Sought(f"Task {number[1]}", Q(task=int(number[1])))
        if person := _of_people(account, word):
            return person
    images = {
        digest
        for kind in Kind
        for digest in ImageFilter(kind, text=word)
        .images(account.pk)
        .values_list("digest", flat=True)[: MOST_IMAGES + 1]
    }
    if not images:
        return Sought(f"No image, task or person is named “{word}”", Q(pk__in=[]))
    if len(images) > MOST_IMAGES:
        return Sought(f"{MOST_IMAGES} of the images named “{word}”", None, images)
    return Sought(f"{plural(len(images), 'image')} named “{word}”", None, images)


def _of_people(account: Account, word: str) -> Sought | None:
    if word.lower() in {"schedule", "scheduled"}:
        return Sought("By a schedule", Q(by=None, task__isnull=False))
    members = Member.objects.filter(account=account).select_related("user")
    found = [each.user for each in members if word.lower() in str(each.user).lower()]
    if not found:
        return None
    names = " or ".join(sorted(map(str, found)))
    return Sought(f"By {names}", Q(by__in=found), maybe_images=True)


def batches(
    account: Account, asked: Asked, where: Q | None, clock: Clock
) -> QuerySet[LedgerBatch]:
    """The batches that are asked for; their place in the list is their first entry."""
    found = LedgerBatch.objects.filter(where or Q(), **_plain(account, asked))
    if asked.day:
        low, high, start, end = _of_day(account, asked.day, clock)
        found = found.filter(
            first_entry__range=(low, high), starts_at__gte=start, starts_at__lt=end
        )
    return found


def entries(
    account: Account, asked: Asked, found: Sought, clock: Clock
) -> QuerySet[LedgerEntry]:
    """The entries that are asked for, for a walk by their number: between the first
    and the last that the batches know of, or it would lead through the entries that
    other accounts wrote before and after."""
    rows = LedgerEntry.objects.filter(found.where or Q(), **_plain(account, asked))
    if asked.day:
        low, high, start, end = _of_day(account, asked.day, clock)
        rows = rows.filter(
            id__range=(low, high), created_at__gte=start, created_at__lt=end
        )
    if found.digests is not None:
        return rows.filter(pk__in=of_images(account, found.digests))
    if asked.query().keys() != {"day"}:
        span = batches(account, asked, found.where, clock).aggregate(
            low=Min("first_entry"), high=Max("last_entry")
        )
        rows = rows.filter(id__range=(span["low"] or 0, span["high"] or -1))
    return rows


def of_images(account: Account, digests: Collection[str]) -> list[int]:
    """The numbers of the entries of these images' latest scans, newest first. They are
    sorted here: the database would rather walk the whole ledger backwards."""
    images = Image.objects.filter(account=account, digest__in=digests)
    scans = Scan.objects.filter(account=account, image__in=images.values("pk"))
    latest = list(scans.order_by("-pk").values_list("pk", flat=True)[:MOST_SCANS])
    found = LedgerEntry.objects.of_scans(account.pk, latest)
    return sorted(found.values_list("pk", flat=True), reverse=True)


def day_words(asked: Asked, clock: Clock) -> str:
    """The day that is asked for, in words."""
    return clock.day(_midnight(asked.day, clock)) if asked.day else ""


def _plain(account: Account, asked: Asked) -> dict[str, Any]:
    """What entries and batches are filtered by alike."""
    chosen: dict[str, Any] = {"account": account}
    if asked.kind:
        chosen |= TYPES[asked.kind][2]
    if asked.month:
        chosen["window"] = int(asked.month)
    return chosen


def _midnight(day: str, clock: Clock) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=clock.zone)


def _of_day(
    account: Account, day: str, clock: Clock
) -> tuple[int, int, datetime, datetime]:
    """The numbers of the entries of a day lie between these, which the bins know."""
    start = _midnight(day, clock)
    end = start + timedelta(days=1)
    bins = UsageBin.objects.filter(
        account=account, starts_at__gte=start, starts_at__lt=end
    ).aggregate(low=Min("first_entry"), high=Max("last_entry"))
    return bins["low"] or 0, bins["high"] or -1, start, end
