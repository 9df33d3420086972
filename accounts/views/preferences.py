"""*Preferences* of this browser."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.forms.preferences import PreferencesForm
from accounts.pages.preferences import KEYS, OFF, THEME
from accounts.pages.profile import profile_page
from accounts.views.profile import PersonRequest

YEAR = timedelta(days=365)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def preferences(request: PersonRequest) -> HttpResponse:
    """The page; on a post, keep what was chosen in this browser."""
    form = PreferencesForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        page = profile_page(request.user, timezone.now())
        context = {"page": page, "form": form, "crumb": "Preferences"}
        status = 422 if form.is_bound else 200
        return render(request, "accounts/preferences.html", context, status=status)
    messages.success(request, "Preferences saved.")
    response = redirect("accounts:preferences")
    _keep(response, THEME, form.cleaned_data["theme"])
    _keep(response, KEYS, "" if form.cleaned_data["shortcuts"] else OFF)
    return response


def _keep(response: HttpResponse, name: str, value: str) -> None:
    """Set the cookie. Scripts read and set it too: the button in the top bar does."""
    if not value:
        response.delete_cookie(name, samesite="Lax")
        return
    response.set_cookie(
        name, value, max_age=YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )
