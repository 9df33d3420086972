"""The back office of money: transfers, corrections, and what providers said."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.admin.acts import NothingMoreForm, act_page, address_of
from accounts.admin.money_forms import (
    AdjustmentForm,
    MovementReasonForm,
    TransferForm,
)
from accounts.admin.readonly import AccountFilter, ReadOnlyAdmin
from accounts.models import (
    Adjustment,
    BalanceEntry,
    BankTransfer,
    PaymentEvent,
    TopUp,
    User,
)
from accounts.money import format_money
from accounts.payments.references import number_of
from accounts.services import adjusting, transfers


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


class ActingAdmin(ReadOnlyAdmin):
    """Everything can be seen; what can be done are pages of their own."""

    acts: tuple[str, ...] = ()
    add_right = ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.add_right)

    def get_urls(self) -> list[URLPattern]:
        """One address per act on one row."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(
                f"<int:pk>/{act}/",
                self.admin_site.admin_view(getattr(self, act)),
                name=f"{name}_{act}",
            )
            for act in self.acts
        ]
        return [*own, *super().get_urls()]


@admin.register(BankTransfer)
class BankTransferAdmin(ActingAdmin):
    """Bank transfers: *Add* records one, which makes it money."""

    list_display = (
        "bank_reference", "account", "amount", "value_on", "by", "recorded_at",
        "reversed_at",
    )  # fmt: skip
    list_select_related = ("account", "by")
    exact_search = ("bank_reference", "account__slug", "id")
    acts = ("reverse",)
    add_right = "accounts.record_top_up"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Record a transfer: four fields."""
        now = timezone.now()

        def act(fields: dict[str, Any], by: User) -> str:
            recorded = transfers.record(
                **fields, by=by, address=address_of(request), now=now
            )
            amount = format_money(recorded.amount, recorded.account.currency)
            return f"{amount} is on the balance of {recorded.account}."

        return act_page(
            self,
            request,
            permission=self.add_right,
            form_class=TransferForm,
            act=act,
            title="Record a bank transfer",
            button="Record",
        )

    def reverse(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a wrongly recorded transfer back."""
        now = timezone.now()
        transfer = get_object_or_404(BankTransfer, pk=pk)

        def act(fields: dict[str, Any], by: User) -> str:
            transfers.reverse(
                transfer=transfer,
                **fields,
                by=by,
                address=address_of(request),
                now=now,
            )
            return f"{transfer} was taken back from {transfer.account}."

        return act_page(
            self,
            request,
            permission="accounts.reverse_top_up",
            form_class=MovementReasonForm,
            act=act,
            title=f"Take back {transfer}",
            button="Take back",
            facts=_facts(transfer),
        )


@admin.register(Adjustment)
class AdjustmentAdmin(ActingAdmin):
    """Corrections: *Add* asks for one; above the limit a second person confirms."""

    list_display = (
        "account", "amount", "reason", "state", "asked_by", "asked_at", "decided_by",
    )  # fmt: skip
    list_select_related = ("account", "asked_by", "decided_by")
    list_filter = ("state",)
    acts = ("confirm", "decline")
    add_right = "accounts.adjust_balance"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for a correction."""
        now = timezone.now()

        def act(fields: dict[str, Any], by: User) -> str:
            asked = adjusting.ask(**fields, by=by, address=address_of(request), now=now)
            return f"{asked}: {asked.get_state_display().lower()}."

        return act_page(
            self,
            request,
            permission=self.add_right,
            form_class=AdjustmentForm,
            act=act,
            title="Adjust a balance",
            button="Adjust",
        )

    def confirm(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Book it as the second person."""
        return self._decide(request, pk, "confirm", "accounts.confirm_adjustment")

    def decline(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Drop it."""
        return self._decide(request, pk, "decline", "accounts.adjust_balance")

    def _decide(
        self, request: HttpRequest, pk: int, verb: str, permission: str
    ) -> HttpResponse:
        now = timezone.now()
        adjustment = get_object_or_404(Adjustment, pk=pk)
        services = {"confirm": adjusting.confirm, "decline": adjusting.decline}

        def act(fields: dict[str, Any], by: User) -> str:
            decided = services[verb](
                adjustment=adjustment,
                by=by,
                address=address_of(request),
                now=now,
            )
            return f"{decided}: {decided.get_state_display().lower()}."

        return act_page(
            self,
            request,
            permission=permission,
            form_class=NothingMoreForm,
            act=act,
            title=f"{verb.capitalize()} an adjustment",
            button=verb.capitalize(),
            facts={**_facts(adjustment), "Reason": adjustment.reason},
        )


def _facts(row: BankTransfer | Adjustment) -> dict[str, str]:
    account = row.account
    return {
        "Account": str(account),
        "Amount": format_money(row.amount, account.currency),
        "Balance now": format_money(account.balance, account.currency),
    }


@admin.register(TopUp)
class TopUpAdmin(ReadOnlyAdmin):
    """Top-ups asked for by customers. A problem is for staff to look at."""

    list_display = (
        "reference", "account", "method", "amount", "state", "problem", "created_at",
    )  # fmt: skip
    list_select_related = ("account",)
    list_filter = ("method", "state")
    exact_search = ("account__slug", "payment", "id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TopUp], search_term: str
    ) -> tuple[QuerySet[TopUp], bool]:
        """Also by the reference that a customer wrote on a transfer, as it is printed
        or without its spaces."""
        number = number_of(search_term)
        if number is not None:
            return queryset.filter(pk=number), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(PaymentEvent)
class PaymentEventAdmin(ReadOnlyAdmin):
    """What payment providers said. One without an instant waits for its payment."""

    list_display = ("kind", "thing", "amount", "outcome", "received_at", "handled_at")
    list_filter = ("effect", ("handled_at", admin.EmptyFieldListFilter))
    exact_search = ("thing", "payment", "event", "id")
