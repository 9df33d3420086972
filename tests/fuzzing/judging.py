"""Ask, judge the answer, and take the effect back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from django.db import connection, transaction
from django.utils.html import conditional_escape

from accounts.models import User
from tests.fuzzing.listening import Heard, ListeningClient
from tests.fuzzing.values import Data, Value, encoded

FORM = "application/x-www-form-urlencoded"
# A statement that takes longer on these few rows would not end on many.
PATIENCE = "SET LOCAL statement_timeout = '2s'"
MOST_QUERIES = 150
SITE = "http://testserver/"
RAW = re.compile(r"<i[\x22']|i\x22'zq")
# Where a page must not lead: a script, or a site that a request named.
LED_AWAY = re.compile(
    r"""(?:href|src|action|hx-get|hx-post|content)="(?:javascript:|[^"]{0,9}[/\\]evil\.)"""
)
LEADS = ("Location", "HX-Redirect", "HX-Location", "HX-Push-Url", "HX-Replace-Url")


class Parameter(NamedTuple):
    """A name, in the query or in the body."""

    place: str
    name: str


@dataclass(frozen=True)
class Request:
    """What is sent, and where."""

    method: str
    path: str
    query: Data
    body: Data
    is_fragment: bool = False

    def __str__(self) -> str:
        sent = f"{self.method} {self.path}?{encoded(self.query)} {encoded(self.body)}"
        return f"{sent[:400]}{' as a fragment' if self.is_fragment else ''}"

    def as_fragment(self) -> "Request":
        """The same, asked by htmx."""
        return replace(self, is_fragment=True)

    def given(self, parameters: Mapping[Parameter, Sequence[Value]]) -> "Request":
        """The same with other values."""
        query, body = dict(self.query), dict(self.body)
        for each, values in parameters.items():
            (query if each.place == "query" else body)[each.name] = values
        return replace(self, query=query, body=body)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    leads: tuple[str, ...]
    html: str
    queries: int
    error: str = ""

    @property
    def depth(self) -> int:
        """How far it came: to a form that is wrong, to a state in which that cannot be
        done, or through."""
        return 2 if self.status < 400 else 1 if self.status == 409 else 0

    def faults(self) -> Iterator[str]:
        """What no request may bring about."""
        if self.status >= 500:
            yield f"broke ({self.status} {self.error})"
        if self.queries > MOST_QUERIES:
            yield f"took {self.queries} queries"
        if RAW.search(self.html):
            yield "echoed markup"
        if LED_AWAY.search(self.html):
            yield "links away"
        yield from (f"led to {to}" for to in self.leads if not _is_here(to))


def _flashes(response: Any) -> str:
    """What the next page says at its top."""
    said = getattr(response.wsgi_request, "_messages", None)
    queued = said._queued_messages if said is not None else []
    return "".join(conditional_escape(each.message) for each in queued)


def _is_here(url: str) -> bool:
    """Whether a browser that is led there, which reads a backslash as a slash, stays
    on the same site."""
    led = urlsplit(urljoin(SITE, url.strip().replace("\\", "/")))
    return f"{led.scheme}://{led.netloc}/" == SITE


class Door:
    """A person's browser, at addresses that nothing it does changes."""

    def __init__(self, user: User | None) -> None:
        self.heard = Heard()
        self.client = ListeningClient(self.heard)
        if user:
            self.client.force_login(user)

    def ask(self, request: Request) -> Answer:
        """Send it; afterwards all is as it was."""
        queries = 0

        def count(execute: Any, *given: Any) -> Any:
            nonlocal queries
            queries += 1
            return execute(*given)

        self.heard.forget()
        cookies = SimpleCookie(self.client.cookies.output(header="", sep=";"))
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(PATIENCE)
            with connection.execute_wrapper(count):
                answer = self._answer(request)
            transaction.set_rollback(True)
        self.client.cookies = cookies
        return replace(answer, queries=queries)

    def _answer(self, request: Request) -> Answer:
        more: dict[str, Any] = {"QUERY_STRING": encoded(request.query)}
        if request.is_fragment:
            more["HTTP_HX_REQUEST"] = "true"
        if request.method == "POST":
            more |= {"data": encoded(request.body), "content_type": FORM}
        response: Any = self.client.generic(request.method, request.path, **more)
        try:
            content = b"".join(response) if response.streaming else response.content
        except Exception as error:
            return Answer(500, (), "", 0, repr(error))
        is_html = response.headers.get("Content-Type", "").startswith("text/html")
        return Answer(
            status=response.status_code,
            leads=tuple(response.headers[n] for n in LEADS if n in response.headers),
            html=(content.decode() if is_html else "") + _flashes(response),
            queries=0,
            error=repr(response.exc_info[1]) if response.exc_info else "",
        )
