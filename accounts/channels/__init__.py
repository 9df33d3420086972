"""Email and SMS behind one protocol: whoever sends knows no provider."""

from collections.abc import Callable, Mapping

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.channels.mail import Email
from accounts.channels.port import Channel
from accounts.channels.webhook import SignedWebhook

DUMMY = "django.core.mail.backends.dummy.EmailBackend"


def email() -> Channel | None:
    """The mail channel, or None where no mail server is set up."""
    return None if settings.EMAIL_BACKEND == DUMMY else Email()


def sms() -> Channel | None:
    """The SMS channel, or None where no provider is set up. A web address is the
    operator's own gateway; anything else is an address of the ``apprise`` package."""
    if not settings.SMS_URL:
        return None
    if settings.SMS_URL.startswith(("http://", "https://")):
        return SignedWebhook(settings.SMS_URL, settings.SMS_SECRET)
    provider: Channel = import_string("accounts.channels.library.Apprise")(
        settings.SMS_URL
    )
    return provider


CONFIGURED: Mapping[str, Callable[[], Channel | None]] = {"email": email, "sms": sms}
