"""Staff send a message again, on the record."""

from datetime import datetime

from django.db import transaction

from accounts.models import Notice, Outgoing, User
from accounts.services import audit, delivering, waking


@transaction.atomic
def send_again(*, row: Outgoing, by: User, address: str | None, now: datetime) -> bool:
    """Queue a message anew that was sent, failed or skipped. Returns False, and writes
    nothing down, for one that is on its way."""
    before = {"state": row.state, "reason": row.reason, "attempts": row.attempts}
    if not delivering.send_again(type(row), pk=row.pk, now=now):
        return False
    audit.record(
        by=by,
        act="Send again",
        target=str(row),
        account=row.account if isinstance(row, Notice) else None,
        before=before,
        after={"state": Outgoing.State.QUEUED.value},
        address=address,
        now=now,
    )
    waking.wake_senders_after_commit(row.channel)
    return True
