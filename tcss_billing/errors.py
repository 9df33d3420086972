"""What Django answers itself, in our words; what broke, with its name in the log."""

import logging

from django.http import HttpRequest, HttpResponse

from accounts.http import render_said
from accounts.pages import said
from tcss_billing.watching.requests import id_of

logger = logging.getLogger(__name__)
# Whoever pressed these must not press again before looking.
PAYING = {"quota:purchase", "quota:renew", "quota:top-up"}


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500. It needs neither database nor session: they may be what broke."""
    code = id_of(request)
    logger.error("Code %s: %s %s", code, request.method, request.path)
    match = request.resolver_match
    paying = request.method == "POST" and match and match.view_name in PAYING
    orders = f"/a/{match.kwargs['account']}/orders" if paying and match else ""
    words = said.broken(request, code, orders)
    return render_said(request, words, status=500, bare=True)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404; it does not say whether a stranger guessed right."""
    return render_said(request, said.nothing_here(request), status=404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 with who can help."""
    words = said.no_right(request, str(exception))
    return render_said(request, words, status=403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form that was open too long, or came from elsewhere."""
    return render_said(request, said.too_old(request), status=403, bare=True)
