"""OCI Distribution for scan engines: one image, read-only, while its scan runs."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import NamedTuple, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from quota.services import pulling
from quota.services.pulling import Ticket
from quota.services.registries import PullLimitReached
from quota.sources.content import SourceError
from quota.sources.distribution import Denied, Gone, SlowDown

STATUSES = ((Gone, 404), (Denied, 403), (PullLimitReached, 429), (SlowDown, 429))
OCTETS = "application/octet-stream"
R = TypeVar("R", bound=HttpResponseBase)


class Asked(NamedTuple):
    """What an engine asks for, and by what right."""

    ticket: Ticket
    which: str
    is_head: bool
    now: datetime


def with_ticket(
    view: Callable[[Asked], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Let in who signs in with a ticket, to the repository it is for. No session counts
    here, and nothing can be written."""

    @csrf_exempt
    @require_safe
    @wraps(view)
    def inner(
        request: HttpRequest, repository: str = "", which: str = ""
    ) -> HttpResponseBase:
        now = timezone.now()
        ticket = pulling.admitted(request.headers.get("Authorization", ""), now)
        if ticket is None:
            return _refused(401, "Sign in with the authorization of a running scan.")
        if repository not in {"", ticket.repository}:
            return _refused(404, "This authorization is for another repository.")
        try:
            return view(Asked(ticket, which, request.method == "HEAD", now))
        except SourceError as problem:
            return _refused(_status(problem), str(problem))

    return inner


@with_ticket
def ping(asked: Asked) -> HttpResponse:
    """Say that this is a registry, and that the ticket is good."""
    return JsonResponse({})


@with_ticket
def manifest(asked: Asked) -> HttpResponse:
    """The image's manifest, by its digest; no tag is known here."""
    found = pulling.manifest(asked.ticket, asked.which, asked.now)
    content = b"" if asked.is_head else found.content
    response = HttpResponse(content, content_type=found.media_type)
    return _described(response, found.digest, len(found.content))


@with_ticket
def blob(asked: Asked) -> HttpResponseBase:
    """The image's config or a layer of it, as it comes from the registry."""
    size = pulling.size(asked.ticket, asked.which, asked.now)
    if asked.is_head:
        return _described(HttpResponse(content_type=OCTETS), asked.which, size)
    passing = pulling.blob(asked.ticket, asked.which, size, asked.now)
    response = StreamingHttpResponse(passing, content_type=OCTETS)
    return _described(response, asked.which, size)


def _described(response: R, digest: str, size: int) -> R:
    response.headers["Docker-Content-Digest"] = digest
    response.headers["Content-Length"] = str(size)
    return response


def _status(problem: SourceError) -> int:
    fitting = (status for kind, status in STATUSES if isinstance(problem, kind))
    return next(fitting, 502)


def _refused(status: int, words: str) -> HttpResponse:
    code = "UNAUTHORIZED" if status == 401 else "UNAVAILABLE"
    said = {"errors": [{"code": code, "message": words}]}
    response = JsonResponse(said, status=status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="running scans"'
    return response
