"""A person's profile, in three queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import phonenumbers

from accounts.models import Account, Code, Member, User
from accounts.pages.second_factor import is_on
from accounts.words import zone_label


@dataclass(frozen=True, slots=True)
class Pending:
    """A code on its way: what it is to confirm."""

    target: str


@dataclass(frozen=True, slots=True)
class ProfilePage:
    """What the page shows beside the person's own columns."""

    email: Pending | None
    sms: Pending | None
    phone: str
    accounts: Sequence[tuple[str, str, str]]
    has_second_factor: bool


def profile_page(user: User, now: datetime) -> ProfilePage:
    """The codes this person may type, and the zone of each account."""
    codes = Code.objects.filter(user=user, used_at=None, expires_at__gt=now)
    pending = {code.channel: Pending(code.target) for code in codes}
    members = Member.objects.filter(user=user).select_related("account")
    return ProfilePage(
        email=pending.get("email"),
        sms=pending.get("sms"),
        phone=_spaced(user.phone),
        has_second_factor=is_on(user),
        accounts=[
            _zone(member.account, now) for member in members.order_by("account__name")
        ],
    )


def _spaced(phone: str) -> str:
    """``+65 9123 4567``, as people read it."""
    if not phone:
        return ""
    number = phonenumbers.parse(phone)
    return phonenumbers.format_number(
        number, phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )


def _zone(account: Account, now: datetime) -> tuple[str, str, str]:
    label = zone_label(account.zone_info, now)
    return account.name, account.get_absolute_url(), label
