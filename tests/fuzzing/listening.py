"""A browser that hears which parameters a request reads, and what forms took."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.forms.forms import BaseForm
from django.http import QueryDict
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.client import ClientHandler


@dataclass
class Heard:
    """The names that were asked of query and body, and of each field of a form whether
    it took what it got."""

    query: set[str] = field(default_factory=set)
    body: set[str] = field(default_factory=set)
    fields: dict[str, bool] = field(default_factory=dict)

    def forget(self) -> None:
        """Begin anew."""
        self.query.clear()
        self.body.clear()
        self.fields.clear()

    @contextmanager
    def listening_to_forms(self) -> Iterator[None]:
        """Hear of each field, before a form looks at them together."""
        original = BaseForm._clean_form  # type: ignore[attr-defined]

        def clean(form: BaseForm) -> None:
            for name in form.fields:
                key = form.add_prefix(name)
                took = name not in form._errors  # type: ignore[attr-defined]
                self.fields[key] = took or self.fields.get(key, False)
            original(form)

        BaseForm._clean_form = clean  # type: ignore[attr-defined]
        try:
            yield
        finally:
            BaseForm._clean_form = original  # type: ignore[attr-defined]


def listened(names: set[str]) -> type[QueryDict]:
    """Parameters that note in ``names`` what is asked of them, copies of them too."""

    class Listened(QueryDict):
        def __getitem__(self, key: str) -> Any:
            names.add(key)
            return super().__getitem__(key)

        def _getlist(self, key: str, *more: Any, **other: Any) -> Any:
            names.add(key)
            return super()._getlist(key, *more, **other)  # type: ignore[misc]

        def __contains__(self, key: object) -> bool:
            names.add(str(key))
            return super().__contains__(key)

    return Listened


class _Handler(ClientHandler):
    heard: Heard

    def get_response(self, request: Any) -> HttpResponseBase:
        request.GET = _copy(request.GET, listened(self.heard.query))
        if request.method == "POST":
            request.POST = _copy(request.POST, listened(self.heard.body))
        return super().get_response(request)


def _copy(data: QueryDict, kind: type[QueryDict]) -> QueryDict:
    copied = kind(mutable=True)
    for name, values in data.lists():
        copied.setlist(name, values)
    copied._mutable = False
    return copied


class ListeningClient(Client):
    """Answers with an error page as production does."""

    def __init__(self, heard: Heard) -> None:
        super().__init__(raise_request_exception=False)
        self.heard = heard
        self.handler = _Handler(enforce_csrf_checks=False)
        self.handler.heard = heard
