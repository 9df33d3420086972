"""Tariffs: never changed; a new price is a copy with a date."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.admin.readonly import ReadOnlyAdmin
from accounts.errors import Refusal
from quota.admin.staff import staff_of
from quota.forms.back_office import TariffForm
from quota.models import Tariff
from quota.services import back_office

EDIT = "quota.edit_tariff"


@admin.register(Tariff)
class TariffAdmin(ReadOnlyAdmin):
    """Prices, steps and weights, by the date they hold from."""

    list_display = (
        "currency", "valid_from", "in_force", "edition_price", "quota_price",
        "first_tenths", "repeat_tenths", "step", "max_quantity",
    )  # fmt: skip
    ordering = ("currency", "-valid_from")
    change_form_template = "admin/quota/tariff/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Copying, beside Django's own addresses."""
        copy = path(
            "<int:pk>/copy/",
            self.admin_site.admin_view(self.copy),
            name="quota_tariff_copy",
        )
        return [copy, *super().get_urls()]

    @admin.display(description="In force", boolean=True)
    def in_force(self, tariff: Tariff) -> bool:
        now = timezone.now()
        valid = Tariff.objects.filter(currency=tariff.currency, valid_from__lte=now)
        return tariff == valid.order_by("-valid_from").first()

    def copy(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Add the next version, filled with this one's prices."""
        if not request.user.has_perm(EDIT):
            raise PermissionDenied
        copied = get_object_or_404(Tariff, pk=pk)
        if request.method != "POST":
            return self._page(request, copied, TariffForm(initial=_prices(copied)))
        form = TariffForm(request.POST)
        if not form.is_valid():
            return self._page(request, copied, form, status=422)
        try:
            made = back_office.new_tariff(
                copied=copied,
                valid_from=form.cleaned_data["valid_from"],
                prices=form.prices(),
                reason=form.cleaned_data["reason"],
                staff=staff_of(request),
                now=timezone.now(),
            )
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            return self._page(request, copied, form, status=refusal.status)
        messages.success(request, f"{made} was added. Earlier versions stay as sold.")
        return redirect("admin:quota_tariff_changelist")

    def _page(
        self,
        request: HttpRequest,
        copied: Tariff,
        form: TariffForm,
        *,
        status: int = 200,
    ) -> HttpResponse:
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"New version of {copied}",
            "button": "Add version",
            "facts": {},
            "form": form,
        }
        return TemplateResponse(request, "admin/act.html", context, status=status)


def _prices(tariff: Tariff) -> dict[str, Any]:
    return {name: getattr(tariff, name) for name in back_office.PRICES}
