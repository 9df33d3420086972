"""Long lists of an account, newest first, one page at a time by a signed place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Model, QuerySet

from accounts.models import Account
from quota.pages import cursors

Row = TypeVar("Row", bound=Model)
PAGE = 50


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """One page of rows, and the place where the next begins, "" on the last."""

    rows: Sequence[Row]
    after: str


def newest(
    rows: QuerySet[Row], *, by: str, account: Account, cursor: str, size: int = PAGE
) -> Slice[Row]:
    """The rows after ``cursor``, in falling order of a column that is unique within
    the account. Refuses a place that was not given out for it (UnknownCursor)."""
    salt = f"{rows.model._meta.label}.{account.pk}"
    if cursor:
        (last,) = cursors.read(cursor, salt)
        rows = rows.filter(**{f"{by}__lt": last})
    found = list(rows.order_by(f"-{by}")[: size + 1])
    shown = found[:size]
    more = len(found) > size
    after = cursors.give([getattr(shown[-1], by)], salt) if more else ""
    return Slice(shown, after)


def year_bounds(year: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A calendar year of the account, half-open."""
    return datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)


def years_of(account: Account, now: datetime) -> Sequence[int]:
    """The years there can be rows of, the latest first."""
    zone = account.zone_info
    first = account.created_at.astimezone(zone).year
    return range(now.astimezone(zone).year, first - 1, -1)
