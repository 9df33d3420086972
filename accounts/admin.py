"""The back office: of money in `money_admin`, of people in `people_admin`."""

from django.contrib import admin

from accounts import money_admin, people_admin
from accounts.models import BalanceEntry
from accounts.readonly import ReadOnlyAdmin

__all__ = ["money_admin", "people_admin"]


@admin.register(BalanceEntry)
class BalanceEntryAdmin(ReadOnlyAdmin):
    """Movements."""

    list_display = ("account", "kind", "amount", "balance_after", "created_at")
    list_select_related = ("account",)
    list_filter = ("kind",)
