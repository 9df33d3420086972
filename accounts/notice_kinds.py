"""What each kind of notice says and to whom: the one list of kinds and their words.

Whoever queues a notice gives exactly the keys named here, as plain words and numbers
already in the account's zone and currency; templates are ``notices/<kind>.*``.
The composer adds ``account``, ``person``, ``link`` and ``settings_link``.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from accounts.models import Notice

Kind = Notice.Kind


class Group(StrEnum):
    """The filters of the Notices page."""

    BILLING = "billing"
    SCANNING = "scanning"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class KindWords:
    """One kind: the keys of its context, and where its link leads.

    ``page`` is a path under the account; it may use keys of the context. ``required``
    kinds cannot be turned off by anyone. Where the context's ``needs`` is empty, the
    ``action`` can no longer be done.
    """

    keys: frozenset[str]
    to: str
    page: str
    action: str
    group: Group
    icon: str
    tone: str = ""
    required: bool = False
    by_sms: bool = False
    needs: str = ""

    def path(self, slug: str, context: Mapping[str, object]) -> str:
        """The page that the link of one such notice leads to."""
        return f"/a/{slug}/{self.page.format_map(context)}"

    def offer(self, context: Mapping[str, object]) -> str:
        """What that link says it does."""
        is_possible = not self.needs or context[self.needs]
        return self.action if is_possible else "View subscription"


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


IN_CHARGE = "Creator, global resource and financial"
EVERYONE = "Creator and all collaborators"
MONEY = "Creator and financial"
SCANS = "Creator and global resource"
CREATOR = "Creator"

KINDS: dict[str, KindWords] = {
    # days: "5 days"; ends: "Mon 15 Mar, 14:00"; the two are true or false. No amounts:
    # not everyone who gets this may see them (rules 9).
    Kind.EXPIRY_REMINDER: KindWords(
        _keys("days ends auto_renewal covered"),
        IN_CHARGE, "subscription", "Renew", Group.BILLING, "clock", "warn",
        required=True, by_sms=True,
    ),
    # ended: when; renew_by: the last instant of renewal, or "" when it has passed;
    # deleted: when data goes.
    Kind.ARREARS: KindWords(
        _keys("ended renew_by deleted"),
        EVERYONE, "subscription", "Renew", Group.BILLING, "lock", "bad",
        required=True, by_sms=True, needs="renew_by",
    ),
    Kind.TERMINATED: KindWords(
        _keys("ended"),
        EVERYONE, "subscription", "Buy again", Group.BILLING, "circle-x", "bad",
        required=True, by_sms=True,
    ),
    # until: the new end; amount: "$54.00"; order: "261125-0003"; left_out: purchases
    # whose refund is asked for, "300 scans a month until 15 Mar, 14:00", or "".
    Kind.RENEWED: KindWords(
        _keys("until amount order left_out"),
        MONEY, "orders", "View order", Group.BILLING, "circle-check", "ok",
    ),
    # next_try: when, or "" when there is no further attempt.
    Kind.AUTO_RENEWAL_FAILED: KindWords(
        _keys("balance needed ends next_try"),
        MONEY, "subscription", "Top up or renew", Group.BILLING, "circle-x", "bad",
    ),
    # thing: "the purchase of 300 scans a month"; decision: "approved" or "rejected";
    # amount: "$35.35", "" when rejected; reason: for the customer, or ""; left_out: a
    # whole sentence when a renewal left the purchase out, else "".
    Kind.REFUND_DECIDED: KindWords(
        _keys("thing decision amount reason left_out"),
        MONEY, "orders", "View orders", Group.BILLING, "receipt",
    ),
    # what: "300 scans a month for 2 months".
    Kind.ORDER_PAID: KindWords(
        _keys("order what amount"),
        MONEY, "orders", "View order", Group.BILLING, "receipt", "ok",
    ),
    # quantity: "300"; ends: when the last month of the pack ends.
    Kind.PACK_ENDS: KindWords(
        _keys("quantity ends"),
        MONEY, "subscription", "View subscription", Group.BILLING, "clock", "warn",
    ),
    Kind.QUOTA_80: KindWords(
        _keys("used total left resets"),
        SCANS, "images/local", "View images", Group.SCANNING, "triangle-alert", "warn",
    ),
    Kind.QUOTA_100: KindWords(
        _keys("total resets"),
        SCANS, "images/local", "View images", Group.SCANNING, "circle-x", "bad",
    ),
    # schedule: "Local images, every 7 days"; due: when; reason: a whole sentence.
    Kind.RUN_SKIPPED: KindWords(
        _keys("schedule due reason"),
        SCANS, "tasks", "View tasks", Group.SCANNING, "circle-stop", "warn",
    ),
    # who: a member; what: "scan" or "buy and see the balance".
    Kind.ACCESS_ASKED: KindWords(
        _keys("who what"),
        CREATOR, "members", "Members and roles", Group.ACCOUNT, "key-round",
    ),
    # who: a member; missing: "11.2" quota; what: "a scan of 312 local images" or
    # "this month";
    # quantity: "300", the smallest purchase that covers it, in digits.
    Kind.QUOTA_ASKED: KindWords(
        _keys("who missing what quantity"),
        MONEY, "subscription/purchase?quantity={quantity}", "Purchase quota",
        Group.BILLING, "plus", "warn",
    ),
    # scanned, wanted: "120" of "184 images"; reason: a whole sentence.
    Kind.RUN_CUT: KindWords(
        _keys("schedule due scanned wanted reason"),
        SCANS, "tasks", "View tasks", Group.SCANNING, "triangle-alert", "warn",
    ),
}  # fmt: skip
REQUIRED = frozenset(kind for kind, words in KINDS.items() if words.required)


def check_keys(kind: str, given: Set[str]) -> None:
    """Refuse a context that the templates of ``kind`` would print with gaps."""
    needed = KINDS[kind].keys
    if missing := needed - given:
        raise ValueError(f"A notice {kind} needs {', '.join(sorted(missing))}.")
