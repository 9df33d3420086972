"""Accepting an invitation: signed in, by signing in, or as a new person."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.errors import Refusal
from accounts.forms.signing import NewPersonForm
from accounts.models import Account, Invite, User
from accounts.services import inviting

PAGE = "registration/invite.html"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invite(request: HttpRequest, token: str) -> HttpResponse:
    """What the link of an invitation leads to."""
    now = timezone.now()
    try:
        found = inviting.find(token=token, now=now)
        if request.user.is_authenticated:
            return _signed_in(request, request.user, found, token, now)
        if User.objects.filter(email=found.email).exists():
            return render(request, PAGE, {"invite": found, "has_sign_in": True})
        return _new_person(request, found, token, now)
    except Refusal as refusal:
        return render(request, PAGE, {"refusal": refusal}, status=refusal.status)


def _signed_in(
    request: HttpRequest, user: User, found: Invite, token: str, now: datetime
) -> HttpResponse:
    if request.method == "POST":
        return _welcome(request, inviting.accept(token=token, user=user, now=now))
    context = {"invite": found, "is_other": user.email != found.email}
    return render(request, PAGE, {**context, "role": inviting.role_words(found)})


def _new_person(
    request: HttpRequest, found: Invite, token: str, now: datetime
) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = NewPersonForm(posted, email=found.email)
    if not form.is_valid():
        context = {"invite": found, "form": form, "role": inviting.role_words(found)}
        return render(request, PAGE, context, status=422 if form.is_bound else 200)
    user, account = inviting.accept_as_new_person(
        token=token, now=now, **form.cleaned_data
    )
    login(request, user)
    return _welcome(request, account)


def _welcome(request: HttpRequest, account: Account) -> HttpResponse:
    messages.success(request, f"You are a member of {account.name} now.")
    return redirect(account)
