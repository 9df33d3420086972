"""Asking whoever buys for more quota."""

from datetime import datetime

from django.db import transaction

from accounts.errors import Conflict
from accounts.models import Account, Member, Notice, User
from accounts.services import access, notices
from quota.models import Tariff
from quota.rules.forecast import purchase_to_cover
from quota.rules.units import format_quota


@transaction.atomic
def for_more_quota(
    *,
    account: Account,
    user: User,
    missing_tenths: int,
    what: str,
    at_least: int = 0,
    now: datetime,
) -> bool:
    """Owe whoever may buy a notice that quota is missing for ``what``, with the
    smallest purchase that covers it, of ``at_least`` so many scans a month. Returns
    False where the member asked today already.

    Refuses where nothing is missing, and who may buy (409).
    """
    locked = Account.objects.lock(account.pk)
    member = Member.objects.get(account=locked, user=user)
    if member.is_creator or member.is_financial:
        raise Conflict("You can buy quota yourself. Load the page again.")
    if missing_tenths <= 0:
        raise Conflict("Nothing is missing any more. Load the page again.")
    tariff = Tariff.objects.in_force(locked.currency, now)
    covers = max(at_least, purchase_to_cover(missing_tenths, tariff.step))
    return access.ask_once(
        locked=locked,
        user=user,
        kind=Notice.Kind.QUOTA_ASKED,
        audience=notices.Audience.MONEY,
        about="quota",
        context={
            "missing": format_quota(missing_tenths),
            "what": what,
            "quantity": str(min(covers, tariff.max_quantity)),
        },
        now=now,
    )
