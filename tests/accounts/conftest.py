"""An account that tops up."""

from datetime import datetime

import pytest

from accounts.models import Account
from accounts.services import opening
from tests.factories import UserFactory


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
