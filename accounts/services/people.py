"""A person's own name, password and number; and opening an account by oneself."""

from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from accounts.errors import Conflict
from accounts.models import Account, Code, User
from accounts.services.opening import open_account


def rename(*, user: User, name: str) -> None:
    """Give a person another name."""
    User.objects.filter(pk=user.pk).update(name=name)
    user.name = name


def set_password(*, user: User, password: str, now: datetime, by_mail: bool) -> None:
    """Give a person a new password. One that came by a link proves the address too."""
    user.set_password(password)
    if by_mail and user.email_verified_at is None:
        user.email_verified_at = now
    user.save(update_fields=["password", "email_verified_at"])


@transaction.atomic
def forget_phone(*, user: User) -> None:
    """Remove a person's mobile number and codes on their way to it."""
    Code.objects.filter(user=user, channel="sms").delete()
    User.objects.filter(pk=user.pk).update(phone="")
    user.phone = ""


@transaction.atomic
def sign_up(
    *, email: str, name: str, password: str, account: str, zone: str, now: datetime
) -> tuple[User, Account]:
    """Open an account for a person whose address a link has proved. Refuses an address
    that signs in already, so that a link works once."""
    if User.objects.filter(email=email).exists():
        raise Conflict("You can sign in already. This link was used.")
    user = User.objects.create_user(email, password, name=name, email_verified_at=now)
    opened = open_account(
        slug=free_slug(account),
        name=account,
        zone=zone,
        currency="USD",
        creator=user,
        now=now,
    )
    return user, opened


def free_slug(name: str) -> str:
    """An address for an account of this name that no other has."""
    wanted = slugify(name)[:40] or "account"
    taken = set(
        Account.objects.filter(slug__startswith=wanted).values_list("slug", flat=True)
    )
    number, slug = 1, wanted
    while slug in taken:
        number += 1
        slug = f"{wanted}-{number}"
    return slug
