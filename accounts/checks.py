"""Start-up checks: what must be set for money to come in."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error


def stripe_is_whole(app_configs: object, **kwargs: Any) -> Sequence[CheckMessage]:
    """Calls without signed events, or the other way round, would lose payments."""
    if bool(settings.STRIPE_SECRET_KEY) == bool(settings.STRIPE_WEBHOOK_SECRET):
        return []
    return [
        Error(
            "Stripe is only half set up.",
            hint="Set both STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, or neither.",
            id="accounts.E001",
        )
    ]
