"""Long tables on a page."""

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from accounts import tables

register = template.Library()


@register.simple_tag(takes_context=True)
def table(context: Context, name: str) -> SafeString:
    """Draw the page's table by Jinja2, which knows ``page`` and ``can_scan``."""
    return tables.draw(name, page=context["page"], can_scan=context["can_scan"])
