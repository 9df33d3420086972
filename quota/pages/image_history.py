"""The scans of one image: why each cost what it did, and the ledger's entry of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.urls import reverse

from accounts.models import Account
from quota.models import Image, LedgerEntry, Scan
from quota.pages.images import TONES
from quota.pages.words import Clock
from quota.rules.units import format_quota

SHOWN = 50


class EntryLink(NamedTuple):
    """A ledger entry by which a scan stands in the books."""

    words: str
    url: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One scan of the image, and why it cost what it did."""

    when: str
    word: str
    icon: str
    tone: str
    why: str
    quota: str
    task: str
    task_url: str
    message: str
    entries: Sequence[EntryLink]


def history(image: Image, account: Account, clock: Clock) -> Sequence[HistoryRow]:
    """The latest scans, newest first, in two queries."""
    scans = list(
        Scan.objects.filter(account=account, image=image).order_by("-pk")[:SHOWN]
    )
    entries = _entries(account, [scan.pk for scan in scans])
    return [_row(scan, entries.get(scan.pk, []), account, clock) for scan in scans]


def _entries(account: Account, scans: Sequence[int]) -> Mapping[int, list[int]]:
    """The entries by which each scan stands in the ledger now: what ended its hold, or
    the hold itself. A scan that drew from two windows has two."""
    found: dict[int, dict[int, int]] = {}
    rows = LedgerEntry.objects.of_scans(account.pk, scans)
    for pk, scan, window in rows.order_by("pk").values_list("pk", "scan", "window"):
        if scan is not None:
            found.setdefault(scan, {})[window] = pk
    return {scan: sorted(windows.values()) for scan, windows in found.items()}


def _row(
    scan: Scan, entries: Sequence[int], account: Account, clock: Clock
) -> HistoryRow:
    cost = format_quota(scan.cost_tenths)
    why = {
        "first": f"First scan: no earlier result for this image, so {cost}.",
        "repeat": f"Repeat scan: an earlier result exists, so {cost}.",
    }[scan.reason]
    quota = {"settled": cost, "released": "0"}.get(scan.state, f"{cost} held")
    if scan.state == "released":
        why = f"Ended without a result, so {cost} was given back."
    word, icon, tone = TONES[
        {"settled": "scanned", "released": "failed"}.get(scan.state, scan.state)
    ]
    if scan.outcome in {Scan.Outcome.STOPPED, Scan.Outcome.EXPIRED}:
        _, icon, tone = TONES["stopped"]
    return HistoryRow(
        when=clock.moment(scan.ended_at or scan.held_at),
        word=scan.get_outcome_display() or word,
        icon=icon,
        tone=tone,
        why=why,
        quota=quota,
        task=f"Task {scan.task_id}",
        task_url=reverse("quota:task", args=[account.slug, scan.task_id]),
        message=scan.message,
        entries=[
            EntryLink(
                f"Ledger entry {number}",
                reverse("quota:entry", args=[account.slug, number]),
            )
            for number in entries
        ],
    )
