"""The words of a message, drawn from its templates. Reads nothing, writes nothing."""

from collections.abc import Mapping

from django.template.loader import render_to_string


def title(template: str, context: Mapping[str, object]) -> str:
    """The subject, which is also the title on the Notices page."""
    return " ".join(draw(f"{template}.subject.txt", context).split())


def draw(name: str, context: Mapping[str, object]) -> str:
    """Draw plain text: the engine named *plain* escapes nothing."""
    return render_to_string(f"notices/{name}", dict(context), using="plain").strip()
