"""The rows of who pays. One file per idea."""

from accounts.models.outbox import Notice, Outgoing
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

__all__ = [
    "Account",
    "Adjustment",
    "AuditEntry",
    "BalanceEntry",
    "BankTransfer",
    "Member",
    "Notice",
    "Outgoing",
    "PaymentEvent",
    "TopUp",
    "User",
    "UserManager",
    "validate_zone",
]
