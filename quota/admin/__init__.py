"""The back office of quota: staff look at everything here; services write."""

from quota.admin import (
    accounts,
    catalogue,
    jobs,
    records,
    refunds,
    registries,
    tariffs,
)

__all__ = [
    "accounts",
    "catalogue",
    "jobs",
    "records",
    "refunds",
    "registries",
    "tariffs",
]
