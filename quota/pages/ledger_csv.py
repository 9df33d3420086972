"""The ledger as a spreadsheet: every entry that the filters leave, as a stream."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from accounts.models import Account
from accounts.spreadsheets import safe
from quota.models import LedgerEntry
from quota.pages.ledger_filter import Asked, entries, sought
from quota.pages.ledger_rows import moves, names_of, type_of
from quota.pages.words import Clock

CHUNK = 2_000
CSV_HEADER = (
    "When", "Type", "Image ID", "Task", "Scan", "By", "Used", "Held", "Quota",
    "Left after", "Outcome", "Entry",
)  # fmt: skip


def entries_csv(
    account: Account, asked: Asked, now: datetime
) -> Iterator[Sequence[str]]:
    """Every entry that the filters leave, newest first, some thousand at a time."""
    clock = Clock(account, now)
    people: dict[int, str] = {}
    rows = entries(account, asked, sought(account, asked), clock).order_by("-id")
    chunk = list(rows[:CHUNK])
    while chunk:
        people |= names_of({entry.by_id for entry in chunk} - people.keys())
        for entry in chunk:
            yield _line(entry, people[entry.by_id] if entry.by_id else "", clock)
        if len(chunk) < CHUNK:
            return
        chunk = list(rows.filter(id__lt=chunk[-1].pk)[:CHUNK])


def _line(entry: LedgerEntry, by: str, clock: Clock) -> Sequence[str]:
    used, held = moves(entry)
    return (
        clock.iso(entry.created_at),
        type_of(entry)[0],
        entry.image_digest,
        str(entry.task or ""),
        str(entry.scan or ""),
        safe(by),
        _plain(used),
        _plain(held),
        _plain(entry.tenths),
        _plain(entry.free_after_tenths),
        entry.outcome,
        str(entry.pk),
    )


def _plain(tenths: int) -> str:
    """A figure for a spreadsheet. A minus comes last: no cell begins with a sign."""
    figure = f"{abs(tenths) // 10}.{abs(tenths) % 10}"
    return f"{figure}-" if tenths < 0 else figure
