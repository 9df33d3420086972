"""Refusals of the quota app."""

from accounts.errors import Conflict, Refusal
from quota.rules.units import format_quota


class InsufficientQuota(Refusal):
    """The open windows do not cover a task; nothing was held (rules 5.5)."""

    def __init__(self, *, needed_tenths: int, available_tenths: int) -> None:
        self.needed_tenths = needed_tenths
        self.available_tenths = available_tenths
        self.missing_tenths = needed_tenths - available_tenths
        super().__init__(
            f"{format_quota(self.missing_tenths)} more quota needed: this needs "
            f"{format_quota(needed_tenths)}, and {format_quota(available_tenths)} "
            "is left."
        )


class FormUnreadable(Refusal):
    """What a page hides in its form, such as the press's key, did not come back."""

    def __init__(self) -> None:
        super().__init__("Load the page again, then repeat this.")


class NothingToScan(Refusal):
    """No image is left in the selection (rules 5.5)."""


class NothingFits(NothingToScan):
    """Not one image of the selection fits into the quota that is left."""

    def __init__(self) -> None:
        super().__init__("Not one of these images fits into the quota that is left.")


class AlreadyScanning(Conflict):
    """The one image asked for has a scan in flight (rules 5.7)."""


class AlreadyBegun(Conflict):
    """A worker has begun with the task, so it can no longer be undone."""

    def __init__(self) -> None:
        super().__init__(
            "The first image is already being scanned, so this cannot be undone. Stop "
            "the task instead: what has not started gives its quota back."
        )


class ScheduleMoved(Conflict):
    """The schedule is not the one that was shown, or its undo has passed (409)."""

    def __init__(self) -> None:
        super().__init__(
            "This schedule changed since it was shown, so nothing was saved. Check "
            "what it says now, then save again."
        )


class NotActive(Refusal):
    """Professional Edition is not active, so nothing can be scanned or bought."""


class QuoteMoved(Conflict):
    """What was quoted no longer holds; nothing was charged (rules 4.6, 5.4)."""


class InvalidQuantity(Refusal):
    """A number of scans, cores or months that is not sold."""


class NothingToRefund(Refusal):
    """All that was paid was used, or it is over; nothing can be asked for."""


class AlreadyAsked(Conflict):
    """The thing has an open request already, or was refunded; ``refund_id`` is it."""

    def __init__(self, words: str, refund_id: int) -> None:
        self.refund_id = refund_id
        super().__init__(words)


class RefundMoved(Conflict):
    """The request is not where the page said, or its sum is another; nothing done."""


class NotYours(Refusal):
    """Who asks may not decide this: a member of the account, or the same person."""

    status = 403


class BadDecision(Refusal):
    """A decision that lacks something: an amount, a reason, a choice."""


class RegistryRefused(Refusal):
    """A registry that cannot be connected, changed or read as asked."""


class NoteMissing(Refusal):
    """A finding was set aside without saying why."""

    def __init__(self) -> None:
        super().__init__("Say why in a note, so that others can follow it later.")


class NotAffected(Conflict):
    """A decision names an image in which the finding is no longer found."""

    def __init__(self) -> None:
        super().__init__(
            "The image no longer has this finding. Load the page again; nothing was"
            " changed."
        )
