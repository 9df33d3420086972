"""The back office of quota: staff look at everything here; services write."""

from quota.admin import catalogue, records, refunds, registries

__all__ = ["catalogue", "records", "refunds", "registries"]
