"""What is said of images for several platforms, of which one is meant (rules 5.1)."""

from datetime import datetime

from accounts.models import Account
from quota.models import Selection
from quota.pages.words import plural


def passed_over(
    account: Account, selection: Selection, now: datetime, *, is_brief: bool = False
) -> str:
    """How many images a selection leaves out for their platform, in one sentence; in a
    few words where there is little room."""
    count = selection.passed_over(account.pk, now).count()
    if not count:
        return ""
    if is_brief:
        return f"{count:,} for other platforms left out."
    verb = "is" if count == 1 else "are"
    return (
        f"{plural(count, 'image')} for other platforms {verb} left out: the same tag"
        f" also names one for linux/amd64."
    )
