"""Marking notices read, and what a member wants no email of."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.errors import NotFound
from accounts.models import Member, Notice
from accounts.notice_kinds import KINDS, REQUIRED


@transaction.atomic
def mark_read(*, member: Member, notice_id: int, now: datetime) -> Notice:
    """Mark one of the member's own notices read, by whichever channel it came."""
    own = _own(member)
    notice = own.filter(pk=notice_id, channel="email").first()
    if notice is None:
        raise NotFound("There is no such notice.")
    same = own.filter(kind=notice.kind, subject=notice.subject, read_at=None)
    same.update(read_at=now)
    notice.refresh_from_db()
    return notice


def mark_all_read(*, member: Member, now: datetime) -> int:
    """Mark everything read. Returns how many notices were unread; ``now`` names this
    press, by which it is undone."""
    unread = _own(member).filter(read_at=None)
    count = unread.filter(channel="email").count()
    unread.update(read_at=now)
    return count


def undo_read(*, member: Member, at: datetime) -> int:
    """Take one press of *Mark all read* back. Returns how many are unread again."""
    pressed = _own(member).filter(read_at=at)
    count = pressed.filter(channel="email").count()
    pressed.update(read_at=None)
    return count


def choose(*, member: Member, wanted: Sequence[str]) -> None:
    """Keep which kinds this member wants by email. Required ones always come."""
    quiet = [kind for kind in KINDS if kind not in REQUIRED and kind not in wanted]
    Member.objects.filter(pk=member.pk).update(quiet=quiet)
    member.quiet = quiet


def _own(member: Member) -> QuerySet[Notice]:
    return Notice.objects.filter(account=member.account_id, user=member.user_id)
