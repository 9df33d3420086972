"""What staff look at, found by account or number; scan tasks can be stopped."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.admin.acts import ReasonForm, act_page
from accounts.admin.readonly import AccountFilter, ReadOnlyAdmin, ReadOnlyRows
from accounts.models import User
from quota.admin.staff import staff_of
from quota.models import (
    Image,
    LedgerEntry,
    Order,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    ReconcileRun,
    Scan,
    ScanTask,
    Subscription,
)
from quota.services import back_office


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Professional Edition."""

    list_display = (
        "account",
        "cores",
        "anchor",
        "ends_at",
        "auto_renew",
        "refunded_at",
    )
    list_select_related = ("account",)
    list_filter = (AccountFilter,)
    exact_search = ("account__slug", "id")


class OrderLineInline(ReadOnlyRows):
    """The lines of an order, each with its formula."""

    model = OrderLine
    fk_name = "order"
    fields = ("position", "kind", "formula", "starts_at", "ends_at", "amount")
    readonly_fields = fields


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """What was bought, renewed and refunded."""

    list_display = ("label", "account", "kind", "total", "currency", "by", "created_at")
    list_select_related = ("account", "by")
    list_filter = ("kind", AccountFilter)
    exact_search = ("account__slug", "id")
    inlines = (OrderLineInline,)


@admin.register(QuotaPack)
class QuotaPackAdmin(ReadOnlyAdmin):
    """Packs."""

    list_display = (
        "account", "quantity", "anchor", "zone", "frozen_at", "closed_at", "dropped_at",
        "left_out_at",
    )  # fmt: skip
    list_select_related = ("account",)
    list_filter = (AccountFilter,)
    exact_search = ("account__slug", "id")


@admin.register(QuotaWindow)
class QuotaWindowAdmin(ReadOnlyAdmin):
    """Months of quota, in tenths."""

    list_display = (
        "account", "pack", "starts_at", "ends_at", "granted_tenths", "used_tenths",
        "held_tenths", "lapsed_tenths", "revoked_tenths", "free_tenths",
    )  # fmt: skip
    list_select_related = ("account", "pack")
    list_filter = (AccountFilter,)
    exact_search = ("account__slug", "id")


class WindowFilter(AccountFilter):
    """One window, by its number."""

    title = "window"
    parameter_name = "window"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The entries of the window; of none where it is no number."""
        return _numbered(queryset, "window", self.value())


class PackFilter(AccountFilter):
    """One pack, by its number."""

    title = "pack"
    parameter_name = "pack"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The entries of all windows of the pack."""
        value = self.value()
        if not value:
            return queryset
        windows = _numbered(QuotaWindow.objects.all(), "pack", value)
        return queryset.filter(
            account__in=windows.values("account"), window__in=windows.values("pk")
        )


def _numbered(queryset: Any, column: str, value: str | None) -> Any:
    if not value:
        return queryset
    if not (value.isdecimal() and len(value) < 19):
        return queryset.none()
    return queryset.filter(**{column: int(value)})


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Every change of every window, in tenths."""

    list_display = (
        "id", "account", "kind", "tenths", "free_after_tenths", "image_digest",
        "reason", "outcome", "task", "created_at",
    )  # fmt: skip
    list_select_related = ("account",)
    list_filter = ("kind", AccountFilter, WindowFilter, PackFilter)
    exact_search = ("account__slug", "id")
    csv_columns = (
        "id", "account__slug", "window", "kind", "tenths", "free_after_tenths", "scan",
        "task", "image_digest", "reason", "outcome", "created_at",
    )  # fmt: skip


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    """Images."""

    list_display = ("account", "name", "tag", "outcome", "active_at")
    list_select_related = ("account",)
    list_filter = (AccountFilter,)
    exact_search = ("account__slug", "id")


@admin.register(ScanTask)
class ScanTaskAdmin(ReadOnlyAdmin):
    """Presses of *Scan now* and scheduled runs; one that hangs can be stopped."""

    list_display = (
        "id", "account", "title", "images", "cost_tenths", "requested_at", "stopped_at",
    )  # fmt: skip
    list_select_related = ("account",)
    list_filter = (AccountFilter,)
    exact_search = ("account__slug", "id")

    def get_urls(self) -> list[URLPattern]:
        """Stopping, beside Django's own addresses."""
        stop = path(
            "<int:pk>/stop/",
            self.admin_site.admin_view(self.stop),
            name="quota_scantask_stop",
        )
        return [stop, *super().get_urls()]

    def stop(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stop a customer's task: what has not begun gives its quota back."""
        now: datetime = timezone.now()
        task = get_object_or_404(ScanTask.objects.select_related("account"), pk=pk)

        def act(fields: dict[str, Any], by: User) -> str:
            released = back_office.stop_task(
                task=task, reason=fields["reason"], staff=staff_of(request), now=now
            )
            return f"{task} of {task.account} stopped, {released} scans released."

        return act_page(
            self,
            request,
            permission="quota.change_scantask",
            form_class=ReasonForm,
            act=act,
            title=f"Stop {task} of {task.account}",
            button="Stop task",
        )


@admin.register(Scan)
class ScanAdmin(ReadOnlyAdmin):
    """Scans."""

    list_display = ("account", "task", "reason", "state", "outcome", "message")
    list_select_related = ("account", "task")
    list_filter = ("state", AccountFilter)
    exact_search = ("account__slug", "id")


@admin.register(ReconcileRun)
class ReconcileRunAdmin(ReadOnlyAdmin):
    """What the nightly proof of the books found."""

    list_display = ("started_at", "ended_at", "claims", "checked", "holds")

    @admin.display(description="All hold", boolean=True)
    def holds(self, run: ReconcileRun) -> bool:
        return run.holds
