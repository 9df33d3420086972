"""What a person chose for this browser: colours, and single-key shortcuts."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

THEME, KEYS = "theme", "keys"
THEMES = {"": "As the system has it", "light": "Light", "dark": "Dark"}
OFF = "off"


@dataclass(frozen=True, slots=True)
class Preferences:
    """``theme`` is empty where the system's is followed; ``keys`` is "off" or empty."""

    theme: str = ""
    keys: str = ""


def preferences(request: HttpRequest) -> dict[str, Any]:
    """The context of every page: what its first paint already has to know."""
    return {"preferences": preferences_of(request)}


def preferences_of(request: HttpRequest) -> Preferences:
    """What the browser's cookies say; what they cannot mean counts as nothing."""
    theme = request.COOKIES.get(THEME, "")
    return Preferences(
        theme=theme if theme in THEMES else "",
        keys=OFF if request.COOKIES.get(KEYS) == OFF else "",
    )
