"""One page of the back office for one act of staff: a form, done once."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts import http
from accounts.errors import Refusal
from accounts.models import User

Act = Callable[[dict[str, Any], User], str]


class NothingMoreForm(forms.Form):
    """An act that needs no words: a press is enough."""


class ReasonForm(forms.Form):
    """Why, for the audit log."""

    reason = forms.CharField(max_length=500, label="Reason, for the audit log")


def act_page(
    model_admin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    *,
    permission: str,
    form_class: type[forms.Form],
    act: Act,
    title: str,
    button: str,
    facts: dict[str, str] | None = None,
) -> HttpResponse:
    """Show a form; on a press do ``act``, which returns what was done in words.

    Without ``permission`` 403. What is refused is said beside the form, with the
    refusal's status, and nothing has changed.
    """
    by = request.user
    if not (isinstance(by, User) and by.has_perm(permission)):
        raise PermissionDenied
    form = form_class(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                done = act(form.cleaned_data, by)
            except Refusal as refusal:
                form.add_error(None, str(refusal))
                status = refusal.status
            else:
                messages.success(request, done)
                meta = model_admin.model._meta
                return redirect(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,
        "title": title,
        "button": button,
        "facts": facts or {},
        "form": form,
    }
    return TemplateResponse(request, "admin/act.html", context, status=status)


def address_of(request: HttpRequest) -> str | None:
    """Where the request came from, for the audit log."""
    return http.address_of(request) or None
