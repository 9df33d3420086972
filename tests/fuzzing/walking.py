"""All places that can be asked, and the parameters that each of them reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

from django.urls import is_valid_path, resolve

from tests.fuzzing.judging import Answer, Door, Parameter, Request
from tests.fuzzing.values import Data
from tests.markup import Form, Page

# What a person types into fields that pages leave empty.
TYPED = {
    "address": "r.invalid", "amount": "100", "answer": "As agreed.", "code": "123456",
    "current": "correct horse", "digits": "123456", "email": "new@example.com",
    "member": "0", "method": "bank", "name": "Mei Tanaka", "note": "Not used.",
    "password": "correct horse", "phone": "+6591234567", "reason": "Agreed.",
    "understood": "1",
}  # fmt: skip
METHODS = ("GET", "POST")
# It leads to the same page without it, before anything else is read.
TOKEN = "csrfmiddlewaretoken"


@dataclass
class Place:
    """An address and a method: the requests of a browser that came as far there as any,
    and all that it reads of what it is sent."""

    door: Door
    requests: list[Request] = field(default_factory=list)
    depth: int = 0
    reads: set[Parameter] = field(default_factory=set)

    @property
    def parameters(self) -> list[Parameter]:
        """In the same order in each run."""
        return sorted(self.reads)

    def keep(self, request: Request, depth: int) -> None:
        """Keep a request, unless another one came further."""
        if depth > self.depth:
            self.depth, self.requests = depth, []
        if depth == self.depth:
            self.requests.append(request)


class Walk:
    """What somebody can ask for, beginning at addresses and following what pages show:
    one link and one form of each shape."""

    def __init__(self, door: Door, paths: Iterable[str], username: str) -> None:
        self.door = door
        self._typed = {**TYPED, "username": username}
        self.faults: list[str] = []
        self.places: dict[tuple[str, str], Place] = {}
        self._shapes: set[object] = set()
        waiting = [
            Request(method, each, {}, {}) for each in paths for method in METHODS
        ]
        while waiting:
            waiting += self._ask(waiting.pop(0))
        for place in self.places.values():
            self._borrow(place)

    def _ask(self, request: Request) -> list[Request]:
        """Ask once as it is, and once with every name that is known by then."""
        if not is_valid_path(request.path):
            return []
        at = request.method, resolve(request.path).route
        shape = (*at, *sorted(request.query), "-", *sorted(request.body))
        if shape in self._shapes:
            return []
        self._shapes.add(shape)
        place = self.places.setdefault(at, Place(self.door))
        answer = self._hear(place, request)
        place.keep(request, answer.depth)
        if place.reads:
            self._hear(place, request.given({each: ["1"] for each in place.reads}))
        return list(self._shown(answer, request))

    def _borrow(self, place: Place) -> None:
        """What no page showed a form of is sent what the form sends that is most like
        it, such as the dialog of which it is another button."""
        first = place.requests[0]
        if place.depth or not place.reads or first.method != "POST":
            return
        reads = place.reads
        likest = max(self.places.values(), key=lambda each: len(each.reads & reads))
        borrowed = replace(likest.requests[0], path=first.path)
        place.keep(borrowed, self._hear(place, borrowed).depth)

    def _hear(self, place: Place, request: Request) -> Answer:
        answer = self.door.ask(request)
        heard = self.door.heard
        place.reads |= {Parameter("query", name) for name in heard.query - {TOKEN}}
        place.reads |= {Parameter("body", name) for name in heard.body - {TOKEN}}
        self.faults += [f"{fault}: {request}" for fault in answer.faults()]
        return answer

    def _shown(self, answer: Answer, request: Request) -> Iterator[Request]:
        page = Page(answer.html, request.path)
        for link in sorted(page.links):
            yield _to(link, "GET", {})
        for form in page.forms:
            if form.method == "post":
                yield _to(form.action, "POST", self._filled(form))
            else:
                yield replace(_to(form.action, "GET", {}), query=self._filled(form))

    def _filled(self, form: Form) -> dict[str, list[str]]:
        data = form.data()
        for name in form.names & self._typed.keys():
            if not any(data.get(name, [])):
                offered = [each.value for each in form.fields if each.name == name]
                data[name] = [next(filter(None, offered), self._typed[name])]
        return data


def _to(url: str, method: str, body: Data) -> Request:
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    return Request(method, parts.path, query, body)
