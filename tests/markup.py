"""What a page lets a browser send: its forms with their fields, and its links."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

# What submits a form, or does not go with it.
UNSENT = {"submit", "button", "image", "reset", "file"}
Attributes = dict[str, str]


@dataclass
class Field:
    """One field of a form, as a browser would send it untouched."""

    name: str
    value: str
    is_sent: bool = True


@dataclass
class Form:
    """A form: where it goes, how, and what with."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)

    def data(self) -> dict[str, list[str]]:
        """What it sends as it stands."""
        sent: dict[str, list[str]] = {}
        for each in self.fields:
            if each.is_sent:
                sent.setdefault(each.name, []).append(each.value)
        return sent

    @property
    def names(self) -> set[str]:
        """Every field there is, ticked or not."""
        return {each.name for each in self.fields}


class Page(HTMLParser):
    """The forms and local links of one page, htmx's own attributes among them."""

    def __init__(self, html: str, at: str) -> None:
        super().__init__()
        self.at = at
        self.forms: list[Form] = []
        self.links: set[str] = set()
        self._open: Form | None = None
        self._by_id: dict[str, Form] = {}
        self._strays: list[tuple[str, Field]] = []
        self._select: str | None = None
        self._area: Field | None = None
        self.feed(html)
        for form_id, stray in self._strays:
            if form_id in self._by_id:
                self._by_id[form_id].fields.append(stray)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name in ("href", "hx-get", "src"):
            if given.get(name, "").startswith(("/", "?")):
                url = given[name]
                self.links.add(self.at + url if url.startswith("?") else url)
        if tag == "form":
            self._form(given)
        elif "hx-post" in given:
            self.forms.append(Form(given["hx-post"], "post"))
        if found := self._field(tag, given):
            self._add(given, found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value += data

    def _form(self, given: Attributes) -> None:
        action = given.get("action") or self.at
        self._open = Form(action, given.get("method", "get").lower())
        self.forms.append(self._open)
        if "id" in given:
            self._by_id[given["id"]] = self._open

    def _field(self, tag: str, given: Attributes) -> Field | None:
        name, value = given.get("name", ""), given.get("value", "")
        if tag == "select":
            self._select = name
        if tag == "option" and self._select:
            return Field(self._select, value, "selected" in given)
        if tag not in {"input", "button", "textarea"} or not name:
            return None
        kind = given.get("type", "submit" if tag == "button" else "text")
        found = Field(name, value, kind not in UNSENT)
        if kind in {"checkbox", "radio"}:
            found = Field(name, given.get("value", "on"), "checked" in given)
        if tag == "textarea":
            self._area = found
        return found

    def _add(self, given: Attributes, found: Field) -> None:
        if "form" in given:
            self._strays.append((given["form"], found))
        elif self._open is not None:
            self._open.fields.append(found)
