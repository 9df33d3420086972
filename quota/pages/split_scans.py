"""Scans that draw from several months: each has an entry of every month, and is one
scan (rules 5.8)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from accounts.models import Account
from quota.models import Image, Kind, LedgerBatch, LedgerEntry, QuotaWindow
from quota.pages.header import OpenWindow

SETTLE = LedgerEntry.Kind.SETTLE


@dataclass(frozen=True, slots=True)
class SplitScan:
    """One that was used, and the windows that have an entry of it."""

    at: datetime
    task: int | None
    by: int | None
    reason: str
    image: str
    windows: frozenset[int]

    def rest(self, windows: Collection[int]) -> int:
        """How many of its entries in these windows are not a scan more."""
        return max(0, len(self.windows & set(windows)) - 1)


def split_scans(account: Account, windows: Sequence[OpenWindow]) -> Sequence[SplitScan]:
    """Those of these windows and of all beside them, in one query. A scan is split
    where it drains a window, and then is the last of its task there."""
    if not windows:
        return []
    draining = LedgerBatch.objects.filter(
        account=account,
        window__in=_beside(account, windows).values("pk"),
        kind=LedgerEntry.Kind.HOLD,
        free_after_tenths=0,
    )
    last = LedgerEntry.objects.filter(
        account=account, pk__in=draining.values("last_entry")
    )
    # Worded as the index is.
    ends = LedgerEntry.objects.filter(
        kind__in=[SETTLE, LedgerEntry.Kind.RELEASE],
        account=account,
        scan__in=last.values("scan"),
    )
    drawn: dict[int | None, set[int]] = defaultdict(set)
    parts: dict[int | None, LedgerEntry] = {}
    for entry in ends.filter(kind=SETTLE):
        drawn[entry.scan].add(entry.window_id)
        parts[entry.scan] = entry
    return [
        SplitScan(
            at=part.created_at,
            task=part.task,
            by=part.by_id,
            reason=part.reason,
            image=part.image_digest,
            windows=frozenset(drawn[scan]),
        )
        for scan, part in parts.items()
        if len(drawn[scan]) > 1
    ]


def _beside(account: Account, windows: Sequence[OpenWindow]) -> QuerySet[QuotaWindow]:
    """The windows that were open at some time before the first reset of these."""
    return QuotaWindow.objects.filter(
        account=account,
        starts_at__lt=min(window.ends_at for window in windows),
        ends_at__gt=min(window.starts_at for window in windows),
    )


def sources_of(
    account: Account, splits: Sequence[SplitScan]
) -> Mapping[int | None, str]:
    """The list that each one's task was of."""
    if not splits:
        return {}
    tasks = LedgerBatch.objects.filter(
        account=account, task__in={scan.task for scan in splits}
    )
    return {batch.task: batch.source for batch in tasks}


def called_in(
    account: Account, splits: Sequence[SplitScan]
) -> Mapping[SplitScan, tuple[str, str]]:
    """That list, and what the image is called in it; without those that are gone."""
    if not splits:
        return {}
    images = Image.objects.filter(
        account=account, digest__in={scan.image for scan in splits}
    )
    names: dict[str, dict[str, str]] = {
        digest: {Kind.LOCAL: local or far, Kind.REPOSITORY: far or local}
        for digest, local, far in images.values_list("digest", "name", "repository")
    }
    sources = sources_of(account, splits)
    return {
        scan: (kind, names[scan.image].get(kind, ""))
        for scan in splits
        if scan.image in names and (kind := sources.get(scan.task, ""))
    }
