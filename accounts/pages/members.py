"""Members and roles: who is in an account, and who is invited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from accounts.models import Account, Invite, Member, MemberChange
from accounts.words import Clock, zone_label

ROLES = (
    ("", "Collaborator", "See images, results and usage. Nothing else."),
    ("resource", "Global resource", "Scan, schedule, connect registries. Cannot buy."),
    ("financial", "Financial", "Buy, renew, top up, ask for refunds. Cannot scan."),
    ("both", "Global resource and financial", "Scan and buy."),
)
LABELS = {value: label for value, label, _ in ROLES}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member; ``undo`` is the address that takes the last change back."""

    user_id: int
    name: str
    email: str
    role: str
    label: str
    fixed: bool
    you: bool
    reminders: str
    active: str
    role_url: str
    remove_url: str
    undo: str


@dataclass(frozen=True, slots=True)
class InviteRow:
    """One open invitation."""

    email: str
    label: str
    when: str
    expired: bool
    again_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class Removed:
    """Somebody who was removed minutes ago."""

    name: str
    undo: str


@dataclass(frozen=True, slots=True)
class MembersPage:
    """What the page shows."""

    members: Sequence[MemberRow]
    invites: Sequence[InviteRow]
    removed: Sequence[Removed]
    can_change: bool
    zone: str


def role_of(holder: Member | Invite) -> str:
    """The role as forms name it."""
    if holder.is_global_resource and holder.is_financial:
        return "both"
    if holder.is_global_resource:
        return "resource"
    return "financial" if holder.is_financial else ""


def members_page(account: Account, you: Member, now: datetime) -> MembersPage:
    """Everybody in the account, in three queries."""
    clock = Clock(account, now)
    members = Member.objects.filter(account=account).select_related("user")
    members = members.order_by("-is_creator", "user__name", "user")
    changes = _undoable(account, now)
    present = list(members)
    there = {member.user_id for member in present}
    return MembersPage(
        members=[_row(each, you, changes, clock) for each in present],
        invites=[_invite(each, account, clock) for each in _open_invites(account)],
        removed=[
            Removed(str(change.user), _undo_url(account, change))
            for user_id, change in changes.items()
            if user_id not in there and change.after is None
        ],
        can_change=you.is_creator,
        zone=zone_label(clock.zone, now),
    )


def _undoable(account: Account, now: datetime) -> dict[int, MemberChange]:
    """The last change of each person, where it may still be undone."""
    recent = (
        MemberChange.objects.select_related("user")
        .filter(account=account, created_at__gt=now - MemberChange.UNDO)
        .order_by("pk")
    )
    last = {change.user_id: change for change in recent}
    return {
        user_id: change
        for user_id, change in last.items()
        if change.undone_at is None
        and change.before is not None
        and not change.before["is_creator"]
        and not (change.after or {}).get("is_creator")
    }


def _open_invites(account: Account) -> Sequence[Invite]:
    found = Invite.objects.filter(account=account, accepted_at=None, cancelled_at=None)
    return list(found.order_by("-pk"))


def _row(
    member: Member, you: Member, changes: dict[int, MemberChange], clock: Clock
) -> MemberRow:
    user = member.user
    change = changes.get(user.pk)
    ways = [("Email", user.email_verified_at), ("SMS", user.phone)]
    active = member.last_active_at
    role = role_of(member)
    slug = you.account.slug
    return MemberRow(
        user_id=user.pk,
        name=user.name,
        email=user.email,
        role=role,
        label="Creator" if member.is_creator else LABELS[role],
        fixed=member.is_creator,
        you=member.pk == you.pk,
        reminders=", ".join(way for way, has in ways if has),
        active=clock.moment(active) if active else "",
        role_url=reverse("accounts:change-role", args=[slug, user.pk]),
        remove_url=reverse("accounts:remove-member", args=[slug, user.pk]),
        undo=_undo_url(you.account, change) if change else "",
    )


def _undo_url(account: Account, change: MemberChange) -> str:
    return reverse("accounts:undo-member", args=[account.slug, change.pk])


def _invite(invite: Invite, account: Account, clock: Clock) -> InviteRow:
    slug = account.slug
    return InviteRow(
        email=invite.email,
        label=LABELS[role_of(invite)],
        when=clock.day(invite.created_at),
        expired=invite.expires_at <= clock.now,
        again_url=reverse("accounts:invite-again", args=[slug, invite.pk]),
        cancel_url=reverse("accounts:invite-cancel", args=[slug, invite.pk]),
    )
