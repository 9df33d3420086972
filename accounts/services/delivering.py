"""Sending what is owed: claim, send outside any transaction, record.

The row is the truth. A worker claims one message for a while; a worker that dies leaves
a claim that runs out, and the message is sent once more and no oftener, and says so. A
message that fails is tried again ever later and then waits for staff.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from django.db import transaction
from django.db.models import F, Q

from accounts.channels.port import (
    Channel,
    Message,
    NotSent,
    Refused,
    Unavailable,
)
from accounts.models import Outgoing

logger = logging.getLogger(__name__)

State = Outgoing.State
Row = TypeVar("Row", bound=Outgoing)
Compose = Callable[[Row, datetime], Message]
# Longer than any provider's time-out: a living worker is never overtaken.
LEASE = timedelta(minutes=2)
# After each failed attempt; after the fifth a message waits for staff.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 240))
NOT_SET_UP = {
    "email": "No mail server is set up.",
    "sms": "No SMS provider is set up.",
}
TWICE = "Interrupted twice while sending. It may have arrived; send it again if not."


class Skip(Exception):
    """Why there is nobody to send a message to. Recorded, not lost (rules 7)."""


def deliver_due(
    rows: type[Row],
    *,
    channel: str,
    sender: Channel | None,
    compose: Compose[Row],
    clock: Callable[[], datetime],
) -> int:
    """Send what is due by ``channel``, one at a time. Returns how many went out.

    Ends when nothing is left, or when the provider cannot be had: the others would wait
    for it in vain, and keep their attempts.
    """
    sent = 0
    while (row := claim(rows, channel=channel, now=clock())) is not None:
        try:
            _send(row, sender, compose, clock())
        except Skip as skip:
            _record(row, State.SKIPPED, reason=str(skip), now=clock())
        except Refused as refused:
            _record(row, State.FAILED, reason=str(refused), now=clock())
        except NotSent as failed:
            _try_later(row, str(failed), clock())
            if isinstance(failed, Unavailable):
                break
        except Exception as error:
            # A provider's library may raise anything: staff see it, others go out.
            logger.exception("Sending %s %s failed", rows.__name__, row.pk)
            _try_later(row, f"{type(error).__name__}: {error}", clock())
        else:
            sent += _record(row, State.SENT, now=clock())
    return sent


@transaction.atomic
def claim(rows: type[Row], *, channel: str, now: datetime) -> Row | None:
    """Claim the message that has waited longest, or one whose worker died.

    No two workers claim one message. A message whose workers died twice waits for
    staff: it is sent at most once more than it should be.
    """
    stale = Q(state=State.SENDING, leased_until__lte=now)
    due = Q(state=State.QUEUED, due_at__lte=now) | stale
    found = rows._default_manager.filter(due, channel=channel)
    given_up = found.filter(stale, interrupted=True)
    given_up.update(state=State.FAILED, reason=TWICE, claim=None, leased_until=None)
    row = found.order_by("due_at", "pk").select_for_update(skip_locked=True).first()
    if row is None:
        return None
    row.interrupted |= row.state == State.SENDING
    row.state, row.claim, row.leased_until = State.SENDING, uuid4(), now + LEASE
    row.attempts += 1
    row.save(
        update_fields=["state", "claim", "leased_until", "attempts", "interrupted"]
    )
    return row


def _send(
    row: Row, sender: Channel | None, compose: Compose[Row], now: datetime
) -> None:
    if sender is None:
        raise Skip(NOT_SET_UP[row.channel])
    message = compose(row, now)
    row.address = message.to
    sender.send(message)


def _try_later(row: Outgoing, reason: str, now: datetime) -> None:
    if row.attempts > len(WAITS):
        _record(row, State.FAILED, reason=reason, now=now)
        return
    due = now + WAITS[row.attempts - 1]
    _record(row, State.QUEUED, reason=reason, now=now, due_at=due)


def _record(
    row: Outgoing,
    state: Outgoing.State,
    *,
    now: datetime,
    reason: str = "",
    due_at: datetime | None = None,
) -> int:
    """Write down what became of a claim, unless somebody else has taken it over."""
    mine = type(row)._default_manager.filter(
        pk=row.pk, state=State.SENDING, claim=row.claim
    )
    return mine.update(
        state=state,
        reason=reason[:300],
        address=row.address,
        sent_at=now if state == State.SENT else None,
        due_at=due_at or F("due_at"),
        claim=None,
        leased_until=None,
    )


def send_again(rows: type[Row], *, pk: int, now: datetime) -> bool:
    """Queue a message anew that was sent, failed or skipped, with all its attempts.
    Returns False for one that is on its way."""
    ended = rows._default_manager.filter(
        pk=pk, state__in=[State.SENT, State.FAILED, State.SKIPPED]
    )
    return bool(
        ended.update(
            state=State.QUEUED,
            attempts=0,
            interrupted=False,
            resends=F("resends") + 1,
            due_at=now,
            sent_at=None,
            reason="",
        )
    )
