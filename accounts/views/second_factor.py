"""The second factor of oneself: set up, confirm, new recovery codes, off."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import second_step
from accounts.errors import TooMany
from accounts.forms.profile import PasswordForm
from accounts.forms.second_factor import AppCodeForm
from accounts.pages.second_factor import second_factor_page
from accounts.services import second_factor
from accounts.views.profile import PersonRequest


@require_GET
@never_cache
@login_required
def page(request: PersonRequest) -> HttpResponse:
    """Whether it is on; the secret while it is being set up."""
    return _page(request)


@require_POST
@login_required
def begin(request: PersonRequest) -> HttpResponse:
    """Make a secret for an app."""
    form = PasswordForm(request.POST, user=request.user)
    if not form.is_valid():
        return _page(request, 422, begin_form=form)
    second_factor.begin(user=request.user, now=timezone.now())
    return redirect("accounts:second-factor")


@require_POST
@never_cache
@login_required
def confirm(request: PersonRequest) -> HttpResponse:
    """Turn it on, and show the recovery codes, once."""
    form = AppCodeForm(request.POST)
    if form.is_valid():
        try:
            codes = second_factor.confirm(
                user=request.user, typed=form.cleaned_data["digits"], now=timezone.now()
            )
        except (second_factor.WrongCode, TooMany) as refusal:
            form.add_error("digits", str(refusal))
            return _page(request, refusal.status, code_form=form)
        update_session_auth_hash(request, request.user)
        second_step.vouch(request)
        return _page(request, codes=codes)
    return _page(request, 422, code_form=form)


@require_POST
@never_cache
@login_required
def codes(request: PersonRequest) -> HttpResponse:
    """New recovery codes, shown once; the old ones stop working."""
    form = PasswordForm(request.POST, user=request.user)
    if not form.is_valid():
        return _page(request, 422, codes_form=form)
    made = second_factor.renew_codes(user=request.user, now=timezone.now())
    return _page(request, codes=made)


@require_POST
@login_required
def off(request: PersonRequest) -> HttpResponse:
    """Ask for no code any more."""
    form = PasswordForm(request.POST, user=request.user)
    if not form.is_valid():
        return _page(request, 422, off_form=form)
    second_factor.turn_off(user=request.user, now=timezone.now())
    update_session_auth_hash(request, request.user)
    second_step.withdraw(request)
    messages.success(request, "The second factor is off. Your password is enough.")
    return redirect("accounts:second-factor")


def _page(request: PersonRequest, status: int = 200, **more: Any) -> HttpResponse:
    context = {"page": second_factor_page(request.user), "crumb": "Profile", **more}
    return render(request, "accounts/second_factor.html", context, status=status)
