"""What tells one set of images from another."""

from datetime import datetime
from itertools import combinations

import pytest

from accounts.models import Account
from quota.models import Scope, Selection
from quota.services import scanning
from tests.factories import ImageFactory

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
