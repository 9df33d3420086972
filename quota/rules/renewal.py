"""What a renewal appends to the term and to its packs (rules 4.5)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from quota.rules.calendar import boundary
from quota.rules.pricing import (
    MAX_MONTHS,
    EditionQuote,
    PackQuote,
    QuantityError,
    quote_edition,
    quote_pack,
)

MAX_AHEAD = 60
DROPPED = 0


class LastWindow(NamedTuple):
    """The last written window of a pack: its number and its half-open stretch."""

    number: int
    starts_at: datetime
    ends_at: datetime


class Growth(NamedTuple):
    """A window that was cut at the old end and grows, at no charge."""

    number: int
    starts_at: datetime
    ends_at: datetime
    grown_to: datetime


class PackRenewal(NamedTuple):
    """What a renewal does with one pack. ``priced`` is None when nothing is appended:
    the pack is dropped, or its last window grows past the new end."""

    growth: Growth | None
    priced: PackQuote | None
    first_number: int

    @property
    def total(self) -> Decimal:
        """What is charged for it."""
        return self.priced.total if self.priced else Decimal(0)


def natural_end(anchor: datetime, number: int, zone: ZoneInfo) -> datetime:
    """Return where month ``number`` of a pack ends when nothing cuts it.

    >>> from datetime import UTC
    >>> anchor = datetime(2025, 1, 31, tzinfo=UTC)
    >>> natural_end(anchor, 0, ZoneInfo("UTC")).isoformat()
    '2025-02-28T00:00:00+00:00'
    """
    return boundary(anchor, number + 1, zone)


def has_ended(last: LastWindow, edition_end: datetime, now: datetime) -> bool:
    """Say whether a pack is past all renewing: a renewal dropped it or left it out, and
    its last window is over (rules 4.5). One that reaches to the end of Professional
    Edition never is.

    >>> from datetime import UTC
    >>> end = datetime(2026, 3, 15, tzinfo=UTC)
    >>> last = LastWindow(1, datetime(2026, 2, 15, tzinfo=UTC), end)
    >>> later = datetime(2026, 4, 15, tzinfo=UTC)
    >>> has_ended(last, end, end), has_ended(last, later, end)
    (False, True)
    """
    return last.ends_at <= now and last.ends_at < edition_end


def left_out_words(ends: str, *, is_over: bool) -> str:
    """Tell what becomes of a pack that a renewal left out, once its refund is no longer
    asked for."""
    left_out = "A renewal left this purchase out while its refund was asked for"
    if is_over:
        return f"{left_out}, and its last month ended {ends}."
    return (
        f"{left_out}. The next renewal takes it up again if it is made before its last"
        f" month ends, {ends}."
    )


def check_kept(kept: int, *, quantity: int, step: int) -> None:
    """Refuse what a pack of ``quantity`` cannot be renewed at: more, or what is neither
    a multiple of the step nor 0. The quantity it has can always be kept.

    >>> check_kept(900, quantity=600, step=300)
    Traceback (most recent call last):
    quota.rules.pricing.QuantityError: A renewal can keep at most 600 scans a month of\
 this purchase. For more, buy additional quota.
    """
    if kept > quantity:
        raise QuantityError(
            f"A renewal can keep at most {quantity:,} scans a month of this purchase."
            " For more, buy additional quota."
        )
    if kept in (DROPPED, quantity) or (kept > 0 and kept % step == 0):
        return
    below = max(DROPPED, kept // step * step)
    nearest = sorted({below, min(below + step, quantity)})
    words = " or ".join(f"{each:,}" for each in nearest)
    raise QuantityError(
        f"Enter a multiple of {step:,}, or 0 to drop this purchase. Nearest: {words}."
    )


def renew_pack(
    *,
    kept: int,
    anchor: datetime,
    zone: ZoneInfo,
    last: LastWindow,
    old_end: datetime,
    new_end: datetime,
    quota_price: Decimal,
    currency: str = "USD",
) -> PackRenewal:
    """Carry a pack over from ``old_end`` to ``new_end`` at ``kept`` scans a month.

    A last window that ``old_end`` cut grows to its natural end, or to ``new_end`` where
    that comes first, at no charge, also when the pack is dropped (``kept`` 0): it was
    charged as a month. Further windows are charged like those of a purchase; those of
    a pack that the last renewal left out begin where its last one ends.
    """
    natural = natural_end(anchor, last.number, zone)
    growth = None
    if last.ends_at == old_end < natural:
        growth = Growth(*last, grown_to=min(natural, new_end))
    first_number = last.number + 1
    if kept == DROPPED or boundary(anchor, first_number, zone) >= new_end:
        return PackRenewal(growth, None, first_number)
    priced = quote_pack(
        quantity=kept,
        anchor=anchor,
        end=new_end,
        zone=zone,
        quota_price=quota_price,
        currency=currency,
        first=first_number,
    )
    # The last month of a renewal is not asked about: it grows with the next one.
    return PackRenewal(growth, priced._replace(uncharged_from=None), first_number)


def renew_edition(
    *,
    cores: int,
    months: int,
    months_before: int,
    anchor: datetime,
    old_end: datetime,
    zone: ZoneInfo,
    edition_price: Decimal,
    now: datetime,
    currency: str = "USD",
) -> EditionQuote:
    """Price further months: the same anchor and cores, from the old end on.

    Refuses (QuantityError) months outside 1 to 36, and an end more than 60 months
    ahead of ``now``.
    """
    priced = quote_edition(
        cores=cores,
        months=months,
        anchor=anchor,
        zone=zone,
        edition_price=edition_price,
        currency=currency,
    )
    new_end = boundary(anchor, months_before + months, zone)
    if new_end > boundary(now, MAX_AHEAD, zone):
        raise QuantityError(_too_far(months_before, anchor, zone, now))
    return priced._replace(starts_at=old_end, ends_at=new_end)


def months_allowed(
    *, months_before: int, anchor: datetime, zone: ZoneInfo, now: datetime
) -> int:
    """Return by how many months a term can be renewed at ``now``, at most 36."""
    limit = boundary(now, MAX_AHEAD, zone)
    return sum(
        boundary(anchor, months_before + months, zone) <= limit
        for months in range(1, MAX_MONTHS + 1)
    )


def _too_far(
    months_before: int, anchor: datetime, zone: ZoneInfo, now: datetime
) -> str:
    most = months_allowed(
        months_before=months_before, anchor=anchor, zone=zone, now=now
    )
    if not most:
        return "Professional Edition already runs for the 60 months that can be paid."
    return (
        "Professional Edition can end at most 60 months from now. Choose at most"
        f" {most} month{'s' if most > 1 else ''}."
    )


def total_of(edition: EditionQuote, packs: Sequence[PackRenewal]) -> Decimal:
    """Add up the lines; each was rounded once."""
    return edition.total + sum((pack.total for pack in packs), Decimal(0))
