"""A person's profile: name, verified address and number, password."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from accounts.errors import Refusal
from accounts.forms.profile import (
    ChangeEmailForm,
    ChangePasswordForm,
    CodeForm,
    NameForm,
    PhoneForm,
)
from accounts.models import User
from accounts.pages.profile import profile_page
from accounts.services import codes, people


class PersonRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: User


@require_GET
@login_required
def profile(request: PersonRequest) -> HttpResponse:
    """The profile."""
    return _page(request, timezone.now())


@require_POST
@login_required
def name(request: PersonRequest) -> HttpResponse:
    """Take another name."""
    form = NameForm(request.POST)
    if not form.is_valid():
        return _page(request, timezone.now(), name_form=form)
    people.rename(user=request.user, name=form.cleaned_data["name"])
    return _done(request, "Name saved.")


@require_POST
@login_required
def email(request: PersonRequest) -> HttpResponse:
    """Have a code sent to another address, or to this one that is not verified yet."""
    now = timezone.now()
    if "verify" in request.POST:
        return _ask(request, codes.EMAIL, request.user.email, now)
    form = ChangeEmailForm(request.POST, user=request.user)
    if not form.is_valid():
        return _page(request, now, email_form=form)
    return _ask(request, codes.EMAIL, form.cleaned_data["email"], now)


@require_POST
@login_required
def phone(request: PersonRequest) -> HttpResponse:
    """Have a code sent to a number, or remove the number."""
    now = timezone.now()
    if "remove" in request.POST:
        people.forget_phone(user=request.user)
        return _done(request, "Number removed. Reminders come by email only.")
    form = PhoneForm(request.POST)
    if not form.is_valid():
        return _page(request, now, phone_form=form)
    return _ask(request, codes.SMS, form.cleaned_data["phone"], now)


@require_POST
@login_required
def code(request: PersonRequest, channel: str) -> HttpResponse:
    """Take the code that was sent."""
    if channel not in (codes.EMAIL, codes.SMS):
        raise Http404("There is no such channel.")
    now = timezone.now()
    form = CodeForm(request.POST)
    if form.is_valid():
        try:
            codes.confirm(user=request.user, channel=channel, now=now, **_digits(form))
        except Refusal as refusal:
            form.add_error("digits", str(refusal))
        else:
            return _done(request, "Verified.")
    return _page(request, now, code_form=form, code_channel=channel)


@require_POST
@login_required
def password(request: PersonRequest) -> HttpResponse:
    """Choose another password; other sessions end, this one goes on."""
    now = timezone.now()
    form = ChangePasswordForm(request.POST, user=request.user)
    if not form.is_valid():
        return _page(request, now, password_form=form)
    chosen = form.cleaned_data["password"]
    people.set_password(user=request.user, password=chosen, now=now, by_mail=False)
    update_session_auth_hash(request, request.user)
    return _done(request, "Password changed. You are signed out everywhere else.")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """What the link in a mail leads to: a press confirms, opening it does not, so that
    a mail scanner uses nothing up."""
    page = "registration/confirm.html"
    if request.method != "POST":
        return render(request, page, {})
    try:
        confirmed = codes.confirm_link(token=token, now=timezone.now())
    except Refusal as refusal:
        return render(request, page, {"refusal": refusal}, status=refusal.status)
    return render(request, page, {"confirmed": confirmed.target})


def _digits(form: CodeForm) -> dict[str, str]:
    return {"digits": form.cleaned_data["digits"]}


def _ask(
    request: PersonRequest, channel: str, target: str, now: datetime
) -> HttpResponse:
    try:
        codes.ask(user=request.user, channel=channel, target=target, now=now)
    except Refusal as refusal:
        return _page(request, now, status=refusal.status, refusal=refusal)
    return _done(request, f"A code is on its way to {target}. It works for 10 minutes.")


def _done(request: PersonRequest, words: str) -> HttpResponse:
    messages.success(request, words)
    return redirect("accounts:profile")


def _page(
    request: PersonRequest, now: datetime, status: int = 422, **more: Any
) -> HttpResponse:
    context = {"page": profile_page(request.user, now), "crumb": "Profile", **more}
    status = status if more else 200
    return render(request, "accounts/profile.html", context, status=status)
