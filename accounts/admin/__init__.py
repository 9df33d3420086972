"""The back office of accounts: staff look at everything here; services write."""

from accounts.admin import audit, money, people

__all__ = ["audit", "money", "people"]
