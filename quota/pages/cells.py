"""The small drawings of a table's row: figures and states, never colour alone."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

NONE = SafeString('<span class="muted">–</span>')
NOT_YET = SafeString('<span class="muted">Not scanned yet</span>')
NOT_ASSESSED = SafeString('<span class="muted">Not assessed</span>')
SELECTED = SafeString(" selected")
LETTERS = (
    ("critical", "c", "C"),
    ("high", "h", "H"),
    ("medium", "m", "M"),
    ("low", "l", "L"),
)


def severity(figures: Mapping[str, Any], *, scanned: bool) -> SafeString:
    """The four boxes, and a fifth only where severities are unknown."""
    if figures.get("critical") is None:
        return NOT_ASSESSED if scanned else NOT_YET
    counts = tuple(figures.get(name) or 0 for name, _, _ in LETTERS)
    return _boxes(counts, figures.get("unknown") or 0)


@lru_cache(maxsize=4_096)
def _boxes(counts: tuple[int, ...], unknown: int) -> SafeString:
    words = ", ".join(
        f"{count} {name}" for count, (name, _, _) in zip(counts, LETTERS, strict=True)
    )
    boxes = "".join(
        f'<span class="{css if count else "z"}"><i>{letter}</i>{count}</span>'
        for count, (_, css, letter) in zip(counts, LETTERS, strict=True)
    )
    more = f'<small class="unk">+{unknown} unrated</small>' if unknown else ""
    label = f"{words}, {unknown} unrated" if unknown else words
    # Integers and our own words only.
    return SafeString(
        f'<span class="sev" role="img" aria-label="{label}">{boxes}</span>{more}'
    )


def figure(count: int | None, *, bad: bool = False) -> SafeString:
    """A count; a dash where it was not assessed; bold red where it must not be."""
    if count is None:
        return NONE
    if not count:
        return SafeString('<span class="muted">0</span>')
    return _strong(count) if bad else SafeString(str(count))


def _strong(count: int) -> SafeString:
    return SafeString(f'<strong class="badc">{int(count)}</strong>')


@lru_cache(maxsize=256)
def options(choices: tuple[tuple[str, str], ...], chosen: str) -> SafeString:
    """The options of a select, one of them chosen."""
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        (
            (value, SELECTED if value == chosen else "", label)
            for value, label in choices
        ),
    )


@lru_cache(maxsize=64)
def state(word: str, icon: str, tone: str) -> SafeString:
    """Icon, word and colour: never colour alone."""
    spin = " spin" if icon == "loader-circle" else ""
    return format_html(
        '<span class="state {}">'
        '<svg class="icon{}" viewBox="0 0 24 24" aria-hidden="true">'
        '<use href="#i-{}"/></svg>{}</span>',
        tone,
        spin,
        icon,
        word,
    )
