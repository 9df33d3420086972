"""What `check --deploy` says of the keys: an installation brings its own."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from tcss_billing import state

WHAT_FOR = {
    "SECRET_KEY": "Sessions and links are signed",
    "CREDENTIAL_KEYS": "Passwords of registries are encrypted",
}


def keys_are_brought(app_configs: object, **kwargs: Any) -> Sequence[CheckMessage]:
    """A key that lies beside the code is lost with the machine, and another machine
    makes another. The demo and a developer's own machine may do with it."""
    if settings.DEBUG or settings.DEMO_INBOX:
        return []
    used = {
        "SECRET_KEY": [settings.SECRET_KEY],
        "CREDENTIAL_KEYS": settings.CREDENTIAL_KEYS,
    }
    return [
        Error(
            f"{WHAT_FOR[name]} with a key that was made in {state.home()}.",
            hint=f"Set {name} to one that you keep.",
            id=f"tcss_billing.E00{number}",
        )
        for number, (name, keys) in enumerate(used.items(), 1)
        if not state.made_here().isdisjoint(keys)
    ]
