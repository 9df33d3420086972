"""The lines of a month's statement, read from the ledger some thousand at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from quota.models import LedgerBatch, LedgerEntry, QuotaWindow
from quota.rules.statement import Sums

CHUNK = 2_000
# Between two stretches of a month's entries, so many of others are read over.
APART = 10_000
COLUMNS = (
    "id", "created_at", "kind", "tenths", "free_after_tenths", "scan", "task",
    "image_digest", "reason", "outcome", "by",
)  # fmt: skip


def is_closed(window: QuotaWindow) -> bool:
    """Whether no entry can be added any more: it lapsed, and nothing is held in it."""
    return window.lapsed_at is not None and not window.held_tenths


def statement_lines(window: QuotaWindow) -> Iterator[dict[str, Any]]:
    """Opening, entries, closing. Of a closed month they never change: nothing in them
    can be renamed, and instants are in UTC. The window comes with its tariff."""
    yield _opening(window)
    sums = Sums()
    for row in _entries(window):
        sums.add(row[2], row[3])
        yield _entry(row)
    yield sums.closing()


def _opening(window: QuotaWindow) -> dict[str, Any]:
    tariff = window.tariff
    return {
        "type": "opening",
        "account": window.account_id,
        "purchase": window.pack_id,
        "month": window.number + 1,
        "window": window.pk,
        "starts_at": _instant(window.starts_at),
        "ends_at": _instant(window.ends_at),
        "is_closed": is_closed(window),
        "currency": tariff.currency,
        "quota_price": str(tariff.quota_price),
    }


def _entry(row: tuple[Any, ...]) -> dict[str, Any]:
    number, at, kind, tenths, left, scan, task, image, reason, outcome, by = row
    return {
        "entry": number,
        "at": _instant(at),
        "kind": kind,
        "tenths": tenths,
        "left_tenths": left,
        "scan": scan,
        "task": task,
        "image": image,
        "reason": reason,
        "outcome": outcome,
        "by": by,
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _entries(window: QuotaWindow) -> Iterator[tuple[Any, ...]]:
    """The month's entries by their number, up to the last there is now."""
    entries = LedgerEntry.objects.filter(account=window.account_id, window=window)
    rows = entries.order_by("id").values_list(*COLUMNS)
    for low, high in _stretches(window):
        last = low - 1
        while chunk := list(rows.filter(id__gt=last, id__lte=high)[:CHUNK]):
            yield from chunk
            last = chunk[-1][0]


def _stretches(window: QuotaWindow) -> list[tuple[int, int]]:
    """Where in the ledger the month's entries lie, as its batches know."""
    batches = LedgerBatch.objects.filter(account=window.account_id, window=window)
    found: list[tuple[int, int]] = []
    spans = batches.order_by("first_entry").values_list("first_entry", "last_entry")
    for low, high in spans.iterator(CHUNK):
        if found and low <= found[-1][1] + APART:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found
