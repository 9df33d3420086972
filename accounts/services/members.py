"""Who may do what in an account: changed by its creator, undone within ten minutes."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts.errors import Conflict, NotFound, Refusal
from accounts.models import Account, Member, MemberChange, User

FLAGS = ("is_creator", "is_global_resource", "is_financial")
NEEDS_CREATOR = "An account needs its creator. Hand the account over first."


@transaction.atomic
def change_role(
    *,
    account: Account,
    user_id: int,
    is_global_resource: bool,
    is_financial: bool,
    by: User,
    now: datetime,
) -> MemberChange | None:
    """Give a collaborator these flags. Returns None where nothing changes. Refuses the
    creator, who has every right."""
    member = _locked(account, user_id)
    if member.is_creator:
        raise Refusal(NEEDS_CREATOR)
    before = flags_of(member)
    after = {
        "is_creator": False,
        "is_global_resource": is_global_resource,
        "is_financial": is_financial,
    }
    if before == after:
        return None
    _set(member, after)
    return _write(member, before, after, by, now)


@transaction.atomic
def remove(*, account: Account, user_id: int, by: User, now: datetime) -> MemberChange:
    """Remove a collaborator. Refuses the creator, and oneself."""
    member = _locked(account, user_id)
    if member.user_id == by.pk:
        raise Refusal("You cannot remove yourself.")
    if member.is_creator:
        raise Refusal(NEEDS_CREATOR)
    change = _write(member, flags_of(member), None, by, now)
    member.delete()
    return change


@transaction.atomic
def hand_over(
    *, account: Account, user_id: int, by: User, now: datetime
) -> MemberChange:
    """Make another member the creator. The old one stays, as a collaborator with both
    flags. Refuses everybody but the creator."""
    member = _locked(account, user_id)
    creator = Member.objects.get(account=account, is_creator=True)
    if creator.user_id != by.pk:
        raise Conflict("The account was handed over already. You are not its creator.")
    if member.pk == creator.pk:
        raise Refusal("You are the creator already. Choose another member.")
    stays = {"is_creator": False, "is_global_resource": True, "is_financial": True}
    _write(creator, flags_of(creator), stays, by, now)
    _set(creator, stays)
    whole = dict.fromkeys(FLAGS, True) | {
        "is_global_resource": False,
        "is_financial": False,
    }
    change = _write(member, flags_of(member), whole, by, now)
    _set(member, whole)
    return change


@transaction.atomic
def undo(*, account: Account, change_id: int, now: datetime) -> MemberChange:
    """Take a change back within ten minutes, once. Refuses a handing over, and what has
    been changed again since."""
    Account.objects.lock(account.pk)
    change = (
        MemberChange.objects.select_related("user")
        .filter(account=account, pk=change_id)
        .first()
    )
    if change is None or change.before is None:
        raise NotFound("There is nothing to undo.")
    if change.undone_at or now >= change.created_at + MemberChange.UNDO:
        raise Conflict("It is too late to undo this. Change it by hand.")
    if _is_of_creator(change):
        raise Refusal("An account is handed back by its new creator.")
    member = Member.objects.filter(account=account, user=change.user_id).first()
    if (flags_of(member) if member else None) != change.after:
        raise Conflict("This was changed again since. Change it by hand.")
    if member is None:
        Member.objects.create(account=account, user=change.user, **change.before)
    else:
        _set(member, change.before)
    MemberChange.objects.filter(pk=change.pk, undone_at=None).update(undone_at=now)
    return change


def flags_of(member: Member) -> dict[str, bool]:
    """The flags by name, as changes keep them."""
    return {name: getattr(member, name) for name in FLAGS}


def _is_of_creator(change: MemberChange) -> bool:
    states = (change.before or {}, change.after or {})
    return any(state.get("is_creator") for state in states)


def _locked(account: Account, user_id: int) -> Member:
    Account.objects.lock(account.pk)
    member = Member.objects.filter(account=account, user=user_id).first()
    if member is None:
        raise NotFound("This person is not a member any more.")
    return member


def _set(member: Member, flags: Mapping[str, bool]) -> None:
    Member.objects.filter(pk=member.pk).update(**flags)


def _write(
    member: Member,
    before: Mapping[str, bool],
    after: Mapping[str, bool] | None,
    by: User,
    now: datetime,
) -> MemberChange:
    return MemberChange.objects.create(
        account_id=member.account_id,
        user_id=member.user_id,
        by=by,
        before=dict(before),
        after=dict(after) if after is not None else None,
        created_at=now,
    )
