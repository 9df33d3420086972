"""One name for each request, what it took, and who asked; in the log and the answer."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse

from tcss_billing.watching import counting

logger = logging.getLogger("tcss.requests")
HEADER = "X-Request-ID"
NAMED = re.compile(r"[\w.-]{8,64}", re.ASCII)
_current: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
Answer = Callable[[HttpRequest], HttpResponse]


class Queries:
    """Counts the statements of one request, and their seconds."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: Any,
    ) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.count += 1
            self.seconds += time.perf_counter() - began


class Watch:
    """Name the request, measure it, and write one line when it is answered.

    A name that a proxy gave is kept, so that both logs speak of the same request.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began, queries = time.perf_counter(), Queries()
        request.id = _named(request)  # type: ignore[attr-defined]
        token = _current.set(request)
        try:
            with connection.execute_wrapper(queries):
                response = self.answer(request)
            _note(request, response, time.perf_counter() - began, queries)
        finally:
            _current.reset(token)
        response.headers[HEADER] = id_of(request)
        return response


def id_of(request: HttpRequest) -> str:
    """The name by which a request is found in the log."""
    return getattr(request, "id", None) or _new_id()


def about(record: logging.LogRecord) -> dict[str, object]:
    """What is known by now of the request that a line is about: the one it was handed,
    or the one that is being answered; nothing elsewhere.

    It asks nobody: the database may be what the log is about to complain of. So the
    user is who Django has found already, not who it would look for now.
    """
    handed = getattr(record, "request", None)
    request = handed if isinstance(handed, HttpRequest) else _current.get()
    if request is None:
        return {}
    match = request.resolver_match
    known = {
        "request_id": getattr(request, "id", None),
        "route": route_of(request),
        "account": match.kwargs.get("account") if match else None,
        "user": getattr(getattr(request, "_cached_user", None), "pk", None),
    }
    return {name: value for name, value in known.items() if value is not None}


def route_of(request: HttpRequest) -> str:
    """The route by name: addresses hold numbers and secrets, and are without end."""
    match = request.resolver_match
    if match:
        return match.view_name or match.route
    is_file = request.path_info.startswith(settings.STATIC_URL)
    return "static" if is_file else "none"


def _note(
    request: HttpRequest, response: HttpResponse, seconds: float, queries: Queries
) -> None:
    route, method = route_of(request), request.method or ""
    counting.note_request(
        route=route, method=method, status=response.status_code, seconds=seconds,
        queries=queries.count, query_seconds=queries.seconds,
    )  # fmt: skip
    extra = {
        "method": method,
        "status": response.status_code,
        "ms": round(seconds * 1_000, 1),
        "queries": queries.count,
        "query_ms": round(queries.seconds * 1_000, 1),
    }
    logger.info("%s %s %s", method, route, response.status_code, extra=extra)


def _named(request: HttpRequest) -> str:
    given = request.headers.get(HEADER, "")
    if settings.SECURE_PROXY_SSL_HEADER and NAMED.fullmatch(given):
        return given
    return _new_id()


def _new_id() -> str:
    """Short enough to be read out, long enough to be the only one."""
    return "-".join(secrets.token_hex(2).upper() for _ in range(3))
