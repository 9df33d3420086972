"""What browsers report of our content policy: a line in the log, and no more."""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.errors import Refusal
from accounts.http import address_of
from accounts.services import throttling

logger = logging.getLogger(__name__)
LONGEST = 16_384
# Whatever a browser sends; anybody can pretend to be one.
PER_MINUTE, TOGETHER = 20, 300
MINUTE = timedelta(minutes=1)
# How both kinds of report name the same.
DIRECTIVE = ("effective-directive", "effectiveDirective", "violated-directive")
BLOCKED = ("blocked-uri", "blockedURL")
DOCUMENT = ("document-uri", "documentURL")


class TooLong(Refusal):
    """Longer than a report is (413)."""

    status = 413


@csrf_exempt
@require_POST
def csp_reports(request: HttpRequest) -> HttpResponse:
    """Log what was refused, where, and by which directive. Refuses a long body (413)
    and more than twenty a minute from one address (429)."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST:
        raise TooLong("A report is shorter than this.")
    now = timezone.now()
    throttling.take("csp::", limit=TOGETHER, per=MINUTE, now=now)
    throttling.take(
        f"csp::{address_of(request)}", limit=PER_MINUTE, per=MINUTE, now=now
    )
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        return HttpResponse("Not a report.", status=400, content_type="text/plain")
    for report in _reports(found):
        logger.warning(
            "A browser refused %s on %s (%s).",
            _place(report, BLOCKED),
            _place(report, DOCUMENT),
            _first(report, DIRECTIVE),
        )
    return HttpResponse(status=204)


def _reports(found: Any) -> Iterator[Mapping[str, Any]]:
    """The reports of either kind: one object, or a list of them."""
    for each in (found if isinstance(found, list) else [found])[:PER_MINUTE]:
        body = each.get("csp-report", each.get("body")) if isinstance(each, dict) else 0
        if isinstance(body, dict):
            yield body


def _first(report: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """A value that cannot pretend to be another line of the log."""
    value = next((report[name] for name in names if name in report), "")
    return ascii(str(value)[:200])


def _place(report: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Where, without a query, which may hold what is nobody's business."""
    value = next((str(report[name]) for name in names if name in report), "")
    try:
        parts = urlsplit(value[:2_000])
    except ValueError:
        return "an unreadable address"
    return ascii(f"{parts.scheme}://{parts.netloc}{parts.path}"[:200])
