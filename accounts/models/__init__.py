"""The rows of who pays. One file per idea."""

from accounts.models.outbox import Notice, Outgoing
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
    "AuditEntry",
    "BalanceEntry",
    "Member",
    "Notice",
    "Outgoing",
    "User",
    "UserManager",
    "validate_zone",
]
