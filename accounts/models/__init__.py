"""The rows of who pays. One file per idea."""

from accounts.models.billing import BillingDetails
from accounts.models.entry import Code, Invite, MemberChange, Throttle
from accounts.models.outbox import Letter, Notice, Outgoing
from accounts.models.payments import (
    Adjustment,
    BankTransfer,
    PaymentEvent,
    TopUp,
)
from accounts.models.people import (
    Account,
    AuditEntry,
    BalanceEntry,
    Member,
    User,
    UserManager,
    validate_zone,
)
from accounts.models.second_factor import RecoveryCode, SecondFactor

__all__ = [
    "Account",
    "Adjustment",
    "AuditEntry",
    "BalanceEntry",
    "BankTransfer",
    "BillingDetails",
    "Code",
    "Invite",
    "Letter",
    "Member",
    "MemberChange",
    "Notice",
    "Outgoing",
    "PaymentEvent",
    "RecoveryCode",
    "SecondFactor",
    "Throttle",
    "TopUp",
    "User",
    "UserManager",
    "validate_zone",
]
