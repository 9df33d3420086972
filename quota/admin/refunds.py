"""The queue of refund requests, and the page on which one is decided (ui.md 7)."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.readonly import AccountFilter, ReadOnlyAdmin, csv_of
from accounts.errors import Refusal
from accounts.money import format_money
from quota.admin.staff import staff_of
from quota.forms.decisions import HOLDS, ApproveForm, ConfirmForm, RejectForm
from quota.models import LedgerEntry, RefundRequest
from quota.pages.refund_desk import TONES, Desk, age_words, desk, is_late
from quota.rules.refunds import LATE, OPEN, RefundState
from quota.services import deciding, refund_sums
from quota.services.deciding import Staff

PROCESS = "quota.process_refund"
CONFIRM = "quota.confirm_large_refund"
BANDS = {"50": (0, 50), "500": (50, 500), "more": (500, None)}


class StateFilter(admin.SimpleListFilter):
    """Open requests unless asked otherwise."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[Any]:
        """Every state, and all."""
        return [("all", "All"), *RefundRequest._meta.get_field("state").flatchoices]

    def choices(self, changelist: Any) -> Any:
        """The first choice is what the queue is for."""
        first, *others = super().choices(changelist)
        return [{**first, "display": "Open"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The requests in the state."""
        if self.value() == "all":
            return queryset
        states = [self.value()] if self.value() else list(OPEN)
        return queryset.filter(state__in=states)


class AgeFilter(admin.SimpleListFilter):
    """How long a request has waited."""

    title = "age"
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[Any]:
        """Since yesterday, until late, late."""
        return [("day", "Under 1 day"), ("soon", "1 to 3 days"), ("late", "Late")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The requests of that age."""
        now = timezone.now()
        day = now - timedelta(days=1)
        bounds = {
            "day": {"requested_at__gt": day},
            "soon": {"requested_at__lte": day, "requested_at__gte": now - LATE},
            "late": {"requested_at__lt": now - LATE},
        }
        return queryset.filter(**bounds.get(self.value() or "", {}))


class AmountFilter(admin.SimpleListFilter):
    """How much it was when asked for."""

    title = "amount"
    parameter_name = "amount"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[Any]:
        """Three bands."""
        return [("50", "Up to 50"), ("500", "50 to 500"), ("more", "Above 500")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The requests in the band."""
        low, high = BANDS.get(self.value() or "", (None, None))
        if low is not None:
            queryset = queryset.filter(estimate__gt=low)
        return queryset if high is None else queryset.filter(estimate__lte=high)


@admin.register(RefundRequest)
class RefundRequestAdmin(ReadOnlyAdmin):
    """Refunds: the oldest first. Work happens on each request's own page."""

    list_display = (
        "request", "account", "order", "thing_words", "estimated", "age", "state_tag",
        "assigned_to",
    )  # fmt: skip
    list_select_related = ("account", "order", "pack", "assigned_to")
    list_filter = (StateFilter, AgeFilter, AmountFilter, AccountFilter)
    exact_search = ("account__slug", "id")
    ordering = ("requested_at", "pk")
    actions = ("assign_to_me", "export_csv")
    list_display_links = ("request",)
    csv_columns = (
        "id", "account__slug", "order__number", "kind", "reason", "estimate", "state",
        "amount", "requested_at", "approved_at", "ended_at",
    )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        """One address per act."""
        acts = ("assign", "approve", "confirm", "reject", "entries")
        own = [
            path(
                f"<int:pk>/{act}/",
                self.admin_site.admin_view(getattr(self, act)),
                name=f"quota_refundrequest_{act}",
            )
            for act in acts
        ]
        return [*own, *super().get_urls()]

    def has_process_permission(self, request: HttpRequest) -> bool:
        """Whether the person decides refunds."""
        return request.user.has_perm(PROCESS)

    @admin.display(description="Request", ordering="pk")
    def request(self, refund: RefundRequest) -> str:
        return refund.label

    @admin.display(description="What")
    def thing_words(self, refund: RefundRequest) -> str:
        return str(refund.pack or "Professional Edition")

    @admin.display(description="Estimate", ordering="estimate")
    def estimated(self, refund: RefundRequest) -> str:
        return format_money(refund.estimate, refund.account.currency)

    @admin.display(description="Age", ordering="requested_at")
    def age(self, refund: RefundRequest) -> SafeString | str:
        now = timezone.now()
        words = age_words(now - refund.requested_at)
        if not is_late(refund, now):
            return words
        return format_html('{} <span class="tag bad">⚠ Late</span>', words)

    @admin.display(description="State", ordering="state")
    def state_tag(self, refund: RefundRequest) -> SafeString:
        tone = TONES[RefundState(refund.state)]
        return format_html(
            '<span class="tag {}">{}</span>', tone, refund.get_state_display()
        )

    @admin.action(description="Assign to me", permissions=["process"])
    def assign_to_me(
        self, request: HttpRequest, queryset: QuerySet[RefundRequest]
    ) -> None:
        """Take these requests on; what is refused is said for each."""
        now, staff = timezone.now(), staff_of(request)
        for refund in queryset.order_by("pk"):
            try:
                deciding.assign(refund=refund, staff=staff, now=now)
            except Refusal as refusal:
                self.message_user(request, f"{refund}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, f"{refund} is yours.", messages.SUCCESS)

    @admin.action(description="Export CSV")
    def export_csv(
        self, request: HttpRequest, queryset: QuerySet[RefundRequest]
    ) -> HttpResponseBase:
        """The ticked requests as CSV."""
        return csv_of("refunds.csv", self.csv_columns, queryset.order_by("pk"))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """One request: everything that is needed to decide it."""
        pk = int(object_id) if object_id.isdecimal() else 0
        return self._page(request, _found(pk), timezone.now())

    def assign(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take it on."""

        def act(form: Form, staff: Staff, now: datetime) -> str:
            deciding.assign(refund=_found(pk), staff=staff, now=now)
            return f"R-{pk} is yours."

        return self._act(request, pk, PROCESS, Form, act)

    def reject(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Reject it, with a reason."""

        def act(form: Form, staff: Staff, now: datetime) -> str:
            answer = form.cleaned_data["answer"]
            deciding.reject(refund=_found(pk), answer=answer, staff=staff, now=now)
            return f"Refund R-{pk} rejected, customer notified."

        return self._act(request, pk, PROCESS, RejectForm, act)

    def approve(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Repeat amount, account and effects; on *Yes*, approve."""

        def act(form: Form, staff: Staff, now: datetime) -> str:
            assert isinstance(form, ApproveForm)  # noqa: S101 -- given below
            refund = deciding.approve(
                refund=_found(pk), decision=form.decision(), staff=staff, now=now
            )
            return _done(refund)

        return self._act(request, pk, PROCESS, ApproveForm, act, sure=True)

    def confirm(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Repeat what the first person approved; on *Yes*, carry it out."""

        def act(form: Form, staff: Staff, now: datetime) -> str:
            data = form.cleaned_data
            refund = deciding.confirm(
                refund=_found(pk),
                seen=Decimal(data["seen"]),
                holds=data["holds"],
                staff=staff,
                now=now,
            )
            return _done(refund)

        return self._act(request, pk, CONFIRM, ConfirmForm, act, sure=True)

    def entries(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The ledger entries that the computation rests on, as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        refund = _found(pk)
        columns = (
            "id", "window", "kind", "tenths", "free_after_tenths", "scan", "task",
            "image_digest", "reason", "outcome", "by__email", "created_at",
        )  # fmt: skip
        entries = LedgerEntry.objects.filter(
            account=refund.account_id, window__pack=refund.pack_id
        )
        return csv_of(f"{refund.label}-entries.csv", columns, entries.order_by("pk"))

    def _act(
        self,
        request: HttpRequest,
        pk: int,
        permission: str,
        form_class: type[Form],
        act: Callable[[Form, Staff, datetime], str],
        *,
        sure: bool = False,
    ) -> HttpResponse:
        """Do one act on a press. Who lacks the right gets 403; what is refused is said
        on the request's page with the figures of now, and nothing has changed."""
        if not request.user.has_perm(permission):
            raise PermissionDenied
        if request.method != "POST":
            return redirect("admin:quota_refundrequest_change", pk)
        now, form = timezone.now(), form_class(request.POST)
        if not form.is_valid():
            return self._page(request, _found(pk), now, form=form, status=422)
        if sure and "sure" not in request.POST:
            return self._ask(request, pk, form, now)
        try:
            done = act(form, staff_of(request), now)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            return self._page(
                request, _found(pk), now, form=form, status=refusal.status
            )
        messages.success(request, done)
        return redirect("admin:quota_refundrequest_change", pk)

    def _ask(
        self, request: HttpRequest, pk: int, form: Form, now: datetime
    ) -> HttpResponse:
        """The page that repeats what is about to happen."""
        refund = _found(pk)
        shown = _desk(request, refund, now)
        amount = form.cleaned_data.get("amount") or refund.amount or Decimal(0)
        context = self._context(request, shown) | {
            "title": f"Approve {format_money(amount, refund.account.currency)}"
            f" to {refund.account}?",
            "amount": format_money(amount, refund.account.currency),
            "fields": [(name, request.POST.get(name, "")) for name in form.fields],
            "holds": dict(HOLDS).get(form.cleaned_data.get("holds", ""), ""),
            "answer": form.cleaned_data.get("answer", ""),
            "refund": refund,
        }
        return TemplateResponse(
            request, "admin/quota/refundrequest/confirm.html", context
        )

    def _page(
        self,
        request: HttpRequest,
        refund: RefundRequest,
        now: datetime,
        *,
        form: Form | None = None,
        status: int = 200,
    ) -> HttpResponse:
        if not self.has_view_permission(request, refund):
            raise PermissionDenied
        shown = _desk(request, refund, now)
        context = self._context(request, shown) | {
            "title": f"{shown.label} · {shown.account}",
            "form": form,
            "typed": request.POST if form else {},
            "refund": refund,
            "holds": HOLDS,
            "may_process": request.user.has_perm(PROCESS),
        }
        return TemplateResponse(
            request, "admin/quota/refundrequest/desk.html", context, status=status
        )

    def _context(self, request: HttpRequest, shown: Desk) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "desk": shown,
        }


def _found(pk: int) -> RefundRequest:
    people = ("account", "order", "pack", "requested_by", "assigned_to", "approved_by")
    return get_object_or_404(
        RefundRequest.objects.select_related(*people), pk=min(pk, 2**63 - 1)
    )


def _desk(request: HttpRequest, refund: RefundRequest, now: datetime) -> Desk:
    today = refund_sums.compute(refund_sums.thing_asked(refund), now)
    return desk(refund, today, staff_of(request).user, now)


def _done(refund: RefundRequest) -> str:
    amount = format_money(refund.amount or Decimal(0), refund.account.currency)
    return {
        RefundState.AWAITING_SECOND: (
            f"Refund {refund.label} of {amount} approved. A second person must confirm"
            " it."
        ),
        RefundState.CLOSING: (
            f"Refund {refund.label} approved. It is paid when the running scans have"
            " ended."
        ),
    }.get(
        RefundState(refund.state),
        f"Refund {refund.label} approved. {amount} added to {refund.account}'s balance,"
        " ledger and order updated, customer notified.",
    )
