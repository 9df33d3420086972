"""Icons: drawn once a page, used by name."""

from functools import cache

import lucide
from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

NAMES = (
    "arrow-right", "bug", "chart-column", "check", "chevron-down", "chevron-right",
    "circle-check", "circle-dashed", "circle-stop", "circle-x", "clock", "copy",
    "download",
    "file-text", "info", "key-round", "list-checks", "loader-circle", "lock",
    "log-out", "menu", "minus", "octagon-alert", "pause", "play", "plus", "receipt",
    "refresh-cw", "rotate-ccw", "scan-line", "search", "server", "shield-check",
    "square", "sun", "triangle-alert", "undo-2", "users", "wallet", "x",
    "bell", "building-2", "globe", "mail", "package", "plug", "smartphone", "user",
    "calendar-clock", "circle-slash", "hourglass",
    "circle-question-mark", "eye", "sliders-horizontal",
    "chevron-left", "layout-dashboard", "shield-alert",
)  # fmt: skip


@register.simple_tag
@cache
def sprite() -> SafeString:
    """Every icon once, hidden; ``icon`` points at them."""
    drawn = ((lucide._render_icon(name, 24, id=f"i-{name}"),) for name in NAMES)
    drawings = format_html_join("", "{}", ((_safe(svg),) for (svg,) in drawn))
    return format_html('<div class="vh" aria-hidden="true">{}</div>', drawings)


def _safe(svg: str) -> SafeString:
    """The package's own drawing, with no input of ours but a name from the list."""
    return SafeString(svg)


@register.simple_tag
@cache
def icon(name: str, classes: str = "") -> SafeString:
    """One icon, hidden from screen readers: the word beside it says it. Refuses a name
    that the sprite does not have, which would draw nothing."""
    if name not in NAMES:
        raise ValueError(f"{name} is not among the icons of the sprite.")
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" aria-hidden="true">'
        '<use href="#i-{}"/></svg>',
        classes,
        name,
    )
