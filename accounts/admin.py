"""The back office: of money in `money_admin`, of people in `people_admin`."""

from django.contrib import admin

from accounts import money_admin, people_admin
from accounts.models import AuditEntry, BalanceEntry
from accounts.readonly import AccountFilter, ReadOnlyAdmin

__all__ = ["money_admin", "people_admin"]


@admin.register(BalanceEntry)
class BalanceEntryAdmin(ReadOnlyAdmin):
    """Movements. Money comes in as a bank transfer, and is corrected by an
    adjustment: each has a form of its own."""

    list_display = (
        "account", "kind", "amount", "balance_after", "reference", "reason",
        "created_at",
    )  # fmt: skip
    list_select_related = ("account",)
    list_filter = ("kind", AccountFilter)
    exact_search = ("account__slug", "id")
    change_list_template = "admin/accounts/balanceentry/change_list.html"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Every act of staff: who, when, from where, what, old and new, why."""

    list_display = (
        "created_at", "by", "act", "target", "account", "before", "after", "reason",
        "address",
    )  # fmt: skip
    list_select_related = ("account", "by")
    list_filter = (AccountFilter,)
    exact_search = ("account__slug", "by__email", "id")
