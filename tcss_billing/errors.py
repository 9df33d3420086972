"""The page for what broke on our side, with the name the log has for the request."""

import logging

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

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
    context = {"code": code, "orders": orders, "again": request.get_full_path()}
    return HttpResponse(render_to_string("500.html", context), status=500)
