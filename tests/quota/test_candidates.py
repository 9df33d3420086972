"""What a set of images comes to, and what tells it from another."""

from datetime import datetime
from decimal import Decimal
from itertools import combinations

import pytest

from accounts.models import Account
from quota.models import QuotaWindow, Scope, Selection
from quota.quotes import Basket
from quota.services import scanning
from tests.factories import ImageFactory, buy

pytestmark = pytest.mark.django_db


def test_each_set_of_as_many_images_has_a_fingerprint_of_its_own(
    account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(3, account=account)
    pairs = {
        number: Selection(Scope.SELECTED, ids=tuple(image.pk for image in pair))
        for number, pair in enumerate(combinations(images, 2))
    }

    quoted = scanning.quotes(account=account, selections=pairs, now=now)

    assert len({each.all.fingerprint for each in quoted.values()}) == 3


def test_what_two_windows_pay_together_is_worth_what_one_would_ask(
    account: Account, now: datetime
) -> None:
    QuotaWindow.objects.update(used_tenths=2990)
    buy(account, Basket(quantity=300), now)
    ImageFactory.create_batch(2, account=account)

    quoted = scanning.quote(account=account, selection=Selection(Scope.ALL), now=now)

    assert (quoted.all.cost_tenths, quoted.worth) == (20, Decimal("0.12"))
