"""Inviting people into an account: by email, signed, expiring, used once."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet

from accounts.errors import Conflict, Forbidden, NotFound, Refusal
from accounts.models import Account, Invite, Letter, Member, MemberChange, User
from accounts.services import throttling, waking

LIFE = timedelta(days=7)
HOUR = timedelta(hours=1)
SALT = "accounts.invite"
GONE = "This invitation was used, cancelled or has expired. Ask for a new one."


class AlreadyMember(Refusal):
    """The person is in the account."""

    def __init__(self) -> None:
        super().__init__("This person is already a member.")


@transaction.atomic
def invite(
    *,
    account: Account,
    email: str,
    is_global_resource: bool,
    is_financial: bool,
    by: User,
    now: datetime,
) -> Invite:
    """Invite an address. Refuses a member, an address with an invitation that is still
    open, and more than 30 an hour."""
    throttling.take(f"invite:{account.pk}", limit=30, per=HOUR, now=now)
    account = Account.objects.lock(account.pk)
    email = email.strip().lower()
    if Member.objects.filter(account=account, user__email=email).exists():
        raise AlreadyMember
    pending = _pending(account).filter(email=email)
    if pending.filter(expires_at__gt=now).exists():
        raise Refusal("This address is invited already. Send the invitation again.")
    pending.update(cancelled_at=now)
    made = Invite.objects.create(
        account=account,
        email=email,
        is_global_resource=is_global_resource,
        is_financial=is_financial,
        invited_by=by,
        nonce=uuid4(),
        created_at=now,
        expires_at=now + LIFE,
    )
    _owe_letter(made, now)
    return made


@transaction.atomic
def send_again(*, account: Account, invite_id: int, now: datetime) -> Invite:
    """Send an open invitation anew; earlier links of it stop working."""
    throttling.take(f"invite:{account.pk}", limit=30, per=HOUR, now=now)
    account = Account.objects.lock(account.pk)
    changed = (
        _pending(account)
        .filter(pk=invite_id)
        .update(nonce=uuid4(), expires_at=now + LIFE)
    )
    if not changed:
        raise NotFound("This invitation was used or cancelled.")
    found = Invite.objects.get(account=account, pk=invite_id)
    _owe_letter(found, now)
    return found


@transaction.atomic
def cancel(*, account: Account, invite_id: int, now: datetime) -> Invite:
    """Cancel an open invitation: its link stops working."""
    account = Account.objects.lock(account.pk)
    if not _pending(account).filter(pk=invite_id).update(cancelled_at=now):
        raise NotFound("This invitation was used or cancelled.")
    return Invite.objects.get(account=account, pk=invite_id)


def find(*, token: str, now: datetime) -> Invite:
    """The open invitation that a link names. Refuses a forged, used, cancelled,
    replaced or expired one."""
    try:
        named = signing.loads(token, salt=SALT)
    except signing.BadSignature as error:
        raise NotFound("This link is incomplete. Open it from the mail again.") from (
            error
        )
    found = (
        Invite.objects.select_related("account", "invited_by")
        .filter(pk=named["i"], nonce=UUID(named["n"]))
        .filter(accepted_at=None, cancelled_at=None, expires_at__gt=now)
        .first()
    )
    if found is None:
        raise Conflict(GONE)
    return found


@transaction.atomic
def accept(*, token: str, user: User, now: datetime) -> Account:
    """Let the invited person in, once, and take the address as verified: the link came
    by mail. Refuses everybody else."""
    found = find(token=token, now=now)
    if user.email != found.email:
        raise Forbidden(
            f"This invitation is for {found.email}, and you are signed in as "
            f"{user.email}. Sign out, then open it again."
        )
    account = Account.objects.lock(found.account_id)
    open_still = _pending(account).filter(pk=found.pk, nonce=found.nonce)
    if not open_still.update(accepted_at=now, accepted_by=user):
        raise Conflict(GONE)
    if Member.objects.filter(account=account, user=user).exists():
        raise AlreadyMember
    User.objects.filter(pk=user.pk, email_verified_at=None).update(
        email_verified_at=now
    )
    flags = {
        "is_global_resource": found.is_global_resource,
        "is_financial": found.is_financial,
    }
    Member.objects.create(account=account, user=user, **flags)
    MemberChange.objects.create(
        account=account,
        user=user,
        by=found.invited_by,
        after={"is_creator": False, **flags},
        created_at=now,
    )
    return account


@transaction.atomic
def accept_as_new_person(
    *, token: str, name: str, password: str, now: datetime
) -> tuple[User, Account]:
    """Let in an invited person who could not sign in until now."""
    found = find(token=token, now=now)
    if User.objects.filter(email=found.email).exists():
        raise Conflict("You can sign in already. Sign in to accept the invitation.")
    user = User.objects.create_user(
        found.email, password, name=name, email_verified_at=now
    )
    return user, accept(token=token, user=user, now=now)


def invite_token(invite: Invite) -> str:
    """What the link in the mail carries."""
    return signing.dumps({"i": invite.pk, "n": invite.nonce.hex}, salt=SALT)


def role_words(holder: Invite | Member) -> str:
    """A role in words: ``global resource and financial``."""
    flags = (
        ("global resource", holder.is_global_resource),
        ("financial", holder.is_financial),
    )
    words = " and ".join(word for word, held in flags if held)
    return f"a collaborator with {words}" if words else "a collaborator"


def _pending(account: Account) -> QuerySet[Invite]:
    return Invite.objects.filter(account=account, accepted_at=None, cancelled_at=None)


def _owe_letter(invite: Invite, now: datetime) -> None:
    Letter.objects.create(
        kind=Letter.Kind.INVITE,
        channel=Letter.Channel.EMAIL,
        invite=invite,
        address=invite.email,
        due_at=now,
        created_at=now,
    )
    waking.wake_senders_after_commit(Letter.Channel.EMAIL)
