"""The months of quota that pages let one choose from."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from accounts.models import Account
from quota.models import QuotaWindow
from quota.pages.header import COLUMNS, OpenWindow
from quota.pages.words import Clock
from quota.rules.units import TENTHS


class Month(NamedTuple):
    """A window that has begun, and whether scans may draw from it while it is open."""

    pk: int
    window: OpenWindow
    is_drawable: bool
    lapsed: int

    def words(self, clock: Clock) -> str:
        """``24 Nov to 24 Dec, 300``."""
        begins, ends = (
            clock.date(self.window.starts_at),
            clock.date(self.window.ends_at),
        )
        return f"{begins} to {ends}, {self.window.granted // TENTHS:,}"


def begun_months(account: Account, now: datetime) -> list[Month]:
    """The windows that have begun, the one that began last leading."""
    found = QuotaWindow.objects.filter(account=account, starts_at__lte=now)
    columns = ("pk", "shut_at", "lapsed_tenths", *COLUMNS)
    rows = found.order_by("-starts_at", "-pk").values_list(*columns)
    return [
        Month(pk, OpenWindow(*rest), shut is None, lapsed)
        for pk, shut, lapsed, *rest in rows
    ]


def chosen_months(
    months: Sequence[Month], asked: str, now: datetime
) -> tuple[Sequence[Month], bool]:
    """The one that is asked for, and that it is one; otherwise the open ones."""
    for month in months:
        if str(month.pk) == asked:
            return [month], True
    return [m for m in months if m.is_drawable and m.window.ends_at > now], False
