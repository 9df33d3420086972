"""Working for many accounts in turn: one that fails keeps no other from its turn."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from django.db import connection

logger = logging.getLogger(__name__)


class OfAccount(Protocol):
    """Anything that says whose it is."""

    @property
    def account_id(self) -> int:
        """The account's number."""


T = TypeVar("T", bound=int | OfAccount)


def in_turn(items: Iterable[T], act: Callable[[T], int]) -> int:
    """Do this for each account, or each row of one, and add up what it returns; ``act``
    commits by itself.

    Whatever broke one of them is logged, and the others have their turn. In the end it
    is raised, so that the job fails and staff look into it. Without a connection none
    could succeed: the next job begins anew.
    """
    done, failures = 0, list[Exception]()
    for item in items:
        try:
            done += act(item)
        except Exception as failure:  # kept, and raised when all had their turn
            account_id = item if isinstance(item, int) else item.account_id
            logger.exception("Account %s failed; the others go on.", account_id)
            failures.append(failure)
            if not connection.is_usable():
                break
    if failures:
        raise ExceptionGroup("Some accounts failed.", failures)
    return done
