"""Money of the demo: transfers that staff recorded, one taken back, one awaited."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from accounts.models import Account, BankTransfer, User
from accounts.services import adjusting, billing, topping_up, transfers

# What an operator sets; the demo's own seller, unless the environment names another.
SELLER = {
    "SELLER_NAME": "Image Scan Demo Pte. Ltd.",
    "SELLER_ADDRESS": "1 Example Street;Singapore 018989",
    "SELLER_TAX_ID": "200000000X",
    "TAX_NAME": "GST",
    "TAX_PERCENT": "9",
    "BANK_DETAILS": "Image Scan Demo Pte. Ltd.;Example Bank, Singapore;000-000000-0",
}


def seed_money(account: Account, staff: User, now: datetime) -> None:
    """Movements of each kind, through what staff and customers use."""
    creator = account.members.get(is_creator=True).user
    billing.save_details(
        account=account,
        name="Halden Pay Pte. Ltd.",
        address="8 Marina View\nSingapore 018960",
        tax_id="201912345K",
        by=creator,
        now=now - timedelta(days=12),
    )
    _record(account, staff, Decimal("120.00"), "DBS 118842", now - timedelta(days=3))
    adjusting.ask(
        account=account,
        amount=Decimal("12.00"),
        reason="Credit for the slow afternoon of last week.",
        key=uuid4(),
        by=staff,
        now=now - timedelta(days=2),
    )
    wrong = _record(
        account, staff, Decimal("75.00"), "DBS 119007", now - timedelta(hours=30)
    )
    transfers.reverse(
        transfer=wrong,
        reason="Recorded for the wrong customer.",
        by=staff,
        now=now - timedelta(hours=29),
    )
    asked = topping_up.request(
        account=account,
        method="bank",
        amount=Decimal("200.00"),
        key=uuid4(),
        by=creator,
        now=now - timedelta(hours=5),
    )
    topping_up.begin(top_up=asked, done_url="", back_url="")


def _record(
    account: Account, staff: User, amount: Decimal, reference: str, now: datetime
) -> BankTransfer:
    return transfers.record(
        account=account,
        amount=amount,
        bank_reference=reference,
        value_on=now.date(),
        by=staff,
        now=now,
    )
