"""One line of *Usage and ledger* opened: the entries of a batch, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from accounts.models import Account
from quota.models import LedgerBatch, LedgerEntry
from quota.pages.keyset import newest
from quota.pages.ledger_rows import LedgerRow, batch_rows, entry_rows
from quota.pages.words import Clock

QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class BatchPage:
    """The batch as its line shows it, and a page of its entries."""

    line: LedgerRow
    entries: str
    rows: Sequence[LedgerRow]
    next_url: str


def batch_page(
    account: Account, batch: LedgerBatch, cursor: str, clock: Clock
) -> BatchPage:
    """The entries of a batch, latest first. Refuses a place in the list that was not
    given out for it (UnknownCursor)."""
    (line,) = batch_rows(account, [batch], clock)
    rows = LedgerEntry.objects.filter(
        account=account,
        window=batch.window_id,
        task=batch.task,
        kind=batch.kind,
        reason=batch.reason,
        id__range=(batch.first_entry, batch.last_entry),
        created_at__gte=batch.starts_at,
        created_at__lt=batch.starts_at + QUARTER,
    )
    found = newest(rows, by="id", account=account, cursor=cursor)
    return BatchPage(
        line=line,
        entries=f"{batch.entries:,}",
        rows=list(entry_rows(account, found.rows, clock)),
        next_url=f"{line.url}?{urlencode({'after': found.after})}"
        if found.after
        else "",
    )
