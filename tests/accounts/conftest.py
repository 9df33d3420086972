"""Stripe as far as it is used, and an account that tops up."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from pytest_django import Settings

from accounts.models import Account
from accounts.services import opening
from tests.accounts import stripe_server
from tests.accounts.stripe_server import StripeServer
from tests.factories import UserFactory


@pytest.fixture
def stripe(settings: Settings) -> Iterator[StripeServer]:
    """A server of ours in Stripe's place, and the settings that lead to it."""
    with stripe_server.running() as server:
        settings.STRIPE_SECRET_KEY = stripe_server.SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = stripe_server.WEBHOOK_SECRET
        settings.STRIPE_URL = server.url
        yield server


@pytest.fixture
def account(now: datetime) -> Account:
    """An account that has bought nothing yet, without money."""
    return opening.open_account(
        slug="empty",
        name="Empty Ltd",
        zone="UTC",
        currency="USD",
        creator=UserFactory.create(),
        now=now,
    )
