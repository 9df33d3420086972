"""What staff did, as the back office shows it: append-only, in words."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin

from accounts.admin.readonly import AccountFilter, ReadOnlyAdmin
from accounts.models import AuditEntry

# What services write down, as people read it; another act is its own words.
ACTS = {
    "record_top_up": "Recorded a bank transfer",
    "reverse_top_up": "Took a bank transfer back",
    "ask_adjustment": "Asked for an adjustment",
    "adjustment_booked": "Booked an adjustment",
    "adjustment_declined": "Declined an adjustment",
    "tariff added": "Added a tariff",
    "task stopped": "Stopped a task",
    "job retried": "Tried a job again",
    "look as customer": "Began to look as the customer",
    "look ended": "Stopped looking as the customer",
    "refund assigned": "Took a refund on",
    "refund approved": "Approved a refund",
    "refund confirmed": "Confirmed a refund as second person",
    "refund rejected": "Rejected a refund",
    "Open account": "Opened an account",
    "Send again": "Sent a message again",
    "Reset second factor": "Reset a second factor",
}


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Every act of staff: who, when, from where, what, old and new, why."""

    list_display = (
        "created_at", "by", "what", "target", "account", "change", "reason", "address",
    )  # fmt: skip
    list_display_links = ("created_at", "what")
    list_select_related = ("account", "by")
    list_filter = (AccountFilter,)
    exact_search = ("account__slug", "by__email", "id")

    @admin.display(description="What was done", ordering="act")
    def what(self, entry: AuditEntry) -> str:
        """The act in words."""
        return ACTS.get(entry.act) or entry.act.replace("_", " ").capitalize()

    @admin.display(description="Old and new")
    def change(self, entry: AuditEntry) -> str:
        """``state: requested \u2192 approved``, one thing after another."""
        return change_words(entry.before, entry.after)


def change_words(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> str:
    """What changed, each with what it was and what it is; what stayed is left out."""
    was, now = before or {}, after or {}
    changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    return ", ".join(
        f"{_plain(name)}: {_step(was.get(name), now.get(name))}" for name in changed
    )


def _step(was: Any, now: Any) -> str:
    if now in (None, ""):
        return f"was {_plain(was)}"
    return f"{_plain(was)} \u2192 {_plain(now)}" if was else _plain(now)


def _plain(value: Any) -> str:
    return str(value).replace("_", " ")
