"""The audit log that staff read: written once, never changed."""

from collections.abc import Mapping
from datetime import datetime

from accounts.models import Account, AuditEntry, User


def record(
    *,
    by: User,
    act: str,
    target: str,
    now: datetime,
    account: Account | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    reason: str = "",
    address: str | None = None,
) -> AuditEntry:
    """Write down one act of staff, or what a member asked of others, in the transaction
    of the act itself.

    ``before`` and ``after`` are plain words and numbers; ``address`` is where the
    request came from.
    """
    return AuditEntry.objects.create(
        account=account,
        by=by,
        act=act,
        target=target[:200],
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
        reason=reason,
        address=address,
        created_at=now,
    )
