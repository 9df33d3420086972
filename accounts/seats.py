"""Who somebody is here, the other accounts they can switch to, and what is unread:
asked on every page, so all in one query."""

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, F, Func, IntegerField, OuterRef, QuerySet, When

from accounts.models import Account, Member, Notice
from accounts.statements import Statement

MOST = 10
CAP = 99


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's place in one account. ``unread`` is counted to just above 99."""

    member: Member
    account: Account
    unread: int


class _Cardinality(Func):
    """How long an array is, as the database returns it."""

    function = "CARDINALITY"
    output_field = IntegerField()

    def get_db_converters(self, connection: Any) -> list[Any]:
        return []


def _seats(slug: str, user: int) -> QuerySet[Member]:
    new = Notice.objects.filter(
        account=OuterRef("account"), user=user, channel="email", read_at=None
    )
    some = ArraySubquery(new.order_by().values("pk")[: CAP + 1])
    wanted_first = Case(
        When(account__slug=slug, then=0), default=1, output_field=IntegerField()
    )
    members = Member.objects.filter(user=user).select_related("account")
    return members.annotate(unread=_Cardinality(some)).order_by(
        wanted_first, F("account__name"), F("account")
    )[: MOST + 2]


SEATS = Statement(_seats, {"slug": str, "user": int}, Member, int, Account)


def seats_of(user: int, slug: str = "") -> list[Seat]:
    """The person's seats, the one in ``slug`` first if there is one, then by name: one
    more than a menu shows beside it."""
    return [_seat(row) for row in SEATS.rows(slug=slug, user=user)]


def _seat(row: tuple[Any, ...]) -> Seat:
    member, unread, account = SEATS.objects(row)
    member.account = account
    return Seat(member, account, unread)
