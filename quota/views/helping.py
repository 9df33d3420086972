"""*Help*, on an account's pages and elsewhere; to htmx the list of keys."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.http import AccountRequest, Right, render_page, with_account
from quota.pages.helping import KEYS, answers


@require_GET
@with_account(Right.SEE)
def of_account(request: AccountRequest) -> HttpResponse:
    """Help for a member of this account."""
    return _page(request, request.account.currency)


@require_GET
@login_required
def anywhere(request: HttpRequest) -> HttpResponse:
    """Help for who is in no account just now."""
    return _page(request, "")


def _page(request: HttpRequest, currency: str) -> HttpResponse:
    context = {
        "answers": answers(currency, timezone.now()),
        "keys": KEYS,
        "support": settings.SUPPORT_EMAIL,
        "crumb": "Help",
    }
    return render_page(request, "quota/help.html", context, partial="keys")
