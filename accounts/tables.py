"""Long tables, drawn by Jinja2."""

from typing import Any

from django.template import engines
from django.utils.safestring import SafeString
from jinja2 import Environment

from accounts.templatetags.icons import icon


def environment(**options: Any) -> Environment:
    """Jinja2 as tables use it: the icons of the pages, and no empty lines."""
    made = Environment(**options, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 -- Django's backend turns escaping on
    made.globals["icon"] = icon
    return made


def draw(name: str, **context: object) -> SafeString:
    """Draw a table by its template's name."""
    return SafeString(engines["tables"].get_template(name).render(context))
