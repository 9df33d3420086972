"""The front door: where a person who signed in goes."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.views.decorators.http import require_GET

from quota.pages.accounts import choices


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the only account, to a choice of accounts, or staff to the admin."""
    if not request.user.is_authenticated:
        return redirect(resolve_url("accounts:sign-in"))
    accounts = choices(request.user, timezone.now())
    if len(accounts) == 1:
        return redirect(accounts[0].url)
    if not accounts and request.user.is_staff:
        return redirect("admin:index")
    return render(request, "quota/home.html", {"accounts": accounts})
