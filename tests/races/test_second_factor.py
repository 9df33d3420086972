"""One code, typed in many places at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from django.db import connection

from accounts.errors import Refusal
from accounts.services import second_factor
from tests.accounts.second_factors import code_of, turn_on
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_of_one_code_typed_in_eight_places_at_once_one_is_taken(
    now: datetime, kind: str
) -> None:
    mei = UserFactory.create()
    (recovery, *_) = turn_on(mei, now)
    typed = recovery if kind == "recovery code" else code_of(mei, now)

    def attempt(_: int) -> bool:
        try:
            second_factor.check(user=mei, typed=typed, now=now)
        except Refusal:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
