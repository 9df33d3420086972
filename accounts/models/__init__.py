"""The rows of who pays. One file per idea."""

from accounts.models.people import (
    Account,
    AuditEntry,
    BalanceEntry,
    Member,
    Notice,
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
    "User",
    "UserManager",
    "validate_zone",
]
