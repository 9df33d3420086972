"""What staff may only look at."""

from django.contrib import admin

from accounts.readonly import ReadOnlyAdmin
from quota.models import (
    Image,
    LedgerEntry,
    Order,
    QuotaPack,
    QuotaWindow,
    Scan,
    ScanTask,
    Subscription,
    Tariff,
)


@admin.register(Tariff)
class TariffAdmin(ReadOnlyAdmin):
    """Prices, steps and weights."""

    list_display = ("currency", "valid_from", "edition_price", "quota_price")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Professional Edition."""

    list_display = ("account", "cores", "anchor", "ends_at")
    list_select_related = ("account",)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """What was bought."""

    list_display = ("account", "number", "kind", "total", "currency", "created_at")
    list_select_related = ("account",)


@admin.register(QuotaPack)
class QuotaPackAdmin(ReadOnlyAdmin):
    """Packs."""

    list_display = ("account", "quantity", "anchor", "zone")
    list_select_related = ("account",)


@admin.register(QuotaWindow)
class QuotaWindowAdmin(ReadOnlyAdmin):
    """Months of quota, in tenths."""

    list_display = (
        "account", "starts_at", "ends_at", "granted_tenths", "used_tenths",
        "held_tenths", "lapsed_tenths", "free_tenths",
    )  # fmt: skip
    list_select_related = ("account",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Every change of every window, in tenths."""

    list_display = (
        "account", "kind", "tenths", "free_after_tenths", "image_digest", "reason",
        "outcome", "created_at",
    )  # fmt: skip
    list_select_related = ("account",)


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    """Images."""

    list_display = ("account", "name", "tag", "outcome", "active_at")
    list_select_related = ("account",)


@admin.register(ScanTask)
class ScanTaskAdmin(ReadOnlyAdmin):
    """Presses of *Scan now*."""

    list_display = ("account", "id", "title", "images", "cost_tenths", "requested_at")
    list_select_related = ("account",)


@admin.register(Scan)
class ScanAdmin(ReadOnlyAdmin):
    """Scans."""

    list_display = ("account", "task", "reason", "state", "outcome", "message")
    list_select_related = ("account", "task")
