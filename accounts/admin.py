"""The back office of accounts; of money in `money_admin`."""

from django.contrib import admin

from accounts import money_admin
from accounts.models import Account, BalanceEntry, Member, User
from accounts.readonly import ReadOnlyAdmin

__all__ = ["money_admin"]


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """People."""

    list_display = ("email", "name", "is_staff", "is_active")
    search_fields = ("email", "name")
    exclude = ("password",)

    def get_readonly_fields(self, request, obj=None):  # type: ignore[no-untyped-def]
        return ["email", "name", "is_staff", "is_active", "is_superuser", "last_login"]


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Customers."""

    list_display = ("name", "slug", "zone", "currency", "balance", "debt")
    search_fields = ("name", "slug")


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    """Who may do what in which account."""

    list_display = (
        "account", "user", "is_creator", "is_global_resource", "is_financial",
    )  # fmt: skip
    list_select_related = ("account", "user")


@admin.register(BalanceEntry)
class BalanceEntryAdmin(ReadOnlyAdmin):
    """Movements."""

    list_display = ("account", "kind", "amount", "balance_after", "created_at")
    list_select_related = ("account",)
    list_filter = ("kind",)
