"""The billing details of an account."""

from datetime import datetime

from django.db import transaction

from accounts.models import Account, BillingDetails, User


@transaction.atomic
def save_details(
    *, account: Account, name: str, address: str, tax_id: str, by: User, now: datetime
) -> None:
    """Write what invoices say from now on; those that exist stay as they are."""
    locked = Account.objects.lock(account.pk)
    BillingDetails.objects.update_or_create(
        account=locked,
        defaults={
            "name": name,
            "address": address,
            "tax_id": tax_id,
            "by": by,
            "changed_at": now,
        },
    )
