"""Ways to pay behind one port: bank transfer always, Stripe where it is set up."""

from collections.abc import Mapping
from functools import cache

from django.conf import settings

from accounts.payments.bank import BankTransferGateway
from accounts.payments.port import Gateway
from accounts.payments.stripe import StripeGateway

BANK, STRIPE = "bank", "stripe"


def gateways() -> Mapping[str, Gateway]:
    """The ways to pay that are set up, by the name stored on a top-up."""
    ways: dict[str, Gateway] = {BANK: BankTransferGateway()}
    if settings.STRIPE_SECRET_KEY:
        ways[STRIPE] = _stripe(
            settings.STRIPE_SECRET_KEY,
            settings.STRIPE_WEBHOOK_SECRET,
            settings.STRIPE_URL,
        )
    return ways


@cache
def _stripe(secret_key: str, webhook_secret: str, url: str) -> StripeGateway:
    """One gateway keeps its connections open."""
    return StripeGateway(secret_key=secret_key, webhook_secret=webhook_secret, url=url)
