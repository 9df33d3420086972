"""How often something may be tried: a code, a password, an invitation."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Value, When

from accounts.errors import TooMany
from accounts.models import Throttle


@dataclass(frozen=True, slots=True)
class Tried:
    """How many tries are left, and until when they are counted together."""

    left: int
    until: datetime


@transaction.atomic
def take(key: str, *, limit: int, per: timedelta, now: datetime) -> Tried:
    """Count a try, before it is made, so that tries at once are all counted.

    ``limit`` tries are allowed; the last one begins a pause of ``per``. Refuses what
    comes in the pause.
    """
    hashed = _hashed(key)
    fresh = When(until__lte=now, then=Value(now + per))
    last = When(count=limit - 1, then=Value(now + per))
    mine = Throttle.objects.filter(key=hashed)
    # A row that is there may be forgotten meanwhile: until one was counted, make one.
    while not mine.update(
        count=Case(When(until__lte=now, then=Value(1)), default=F("count") + 1),
        until=Case(fresh, last, default=F("until")),
    ):
        row = Throttle(key=hashed, count=0, until=now)
        Throttle.objects.bulk_create([row], ignore_conflicts=True)
    counted = mine.get()
    if counted.count > limit:
        raise TooMany(until=counted.until, now=now)
    return Tried(limit - counted.count, counted.until)


def forget(key: str) -> None:
    """Begin anew: the right password was given."""
    Throttle.objects.filter(key=_hashed(key)).delete()


def clear_old(*, now: datetime) -> int:
    """Delete what no longer counts. Returns how many rows."""
    deleted, _ = Throttle.objects.filter(until__lte=now).delete()
    return deleted


def _hashed(key: str) -> str:
    """What people type does not stay in the table."""
    return hashlib.sha256(key.encode()).hexdigest()
