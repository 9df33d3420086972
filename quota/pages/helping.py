"""*Help*: the rules in a page's length, with the figures of the tariff in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.money import format_unit_price
from quota.models import Tariff
from quota.rules.lifecycle import DELETION, GRACE
from quota.rules.units import format_quota

DAY_HOURS = 24
# The currency that the product is shipped with (rules 2).
ANY = "USD"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what is to be said about it."""

    anchor: str
    question: str
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Key:
    """What one key does."""

    key: str
    does: str


KEYS = (
    Key("?", "Show these keys"),
    Key("/", "Go to the search field"),
    Key("[", "Previous image, where one is open"),
    Key("]", "Next image, where one is open"),
    Key("Esc", "Close what is open"),
    Key("Space", "Tick an image; with Shift, all from the last one"),
    Key("↑ ↓", "In a number of scans: one step more or less"),
)


def answers(currency: str, now: datetime) -> Sequence[Answer]:
    """What people ask, answered for who pays in ``currency``, or in any."""
    tariff = Tariff.objects.in_force(currency or ANY, now)
    first, repeat = (
        format_quota(tariff.first_tenths),
        format_quota(tariff.repeat_tenths),
    )
    price = format_unit_price(tariff.quota_price, tariff.currency)
    grace, deletion = (int(each.total_seconds()) // 3_600 for each in (GRACE, DELETION))
    days = grace // DAY_HOURS
    return (
        Answer(
            "scans", "What does a scan cost?",
            (
                f"The first scan of an image uses {first} quota, every later one"
                f" {repeat}, also in later months.",
                "The same image under several names, or in several places, is one"
                " image: one scan, one charge. Vulnerabilities, trojans and sensitive"
                " data are looked for in one scan.",
                "Quota is held when a task starts and used as each image finishes. A"
                " scan that fails, or is stopped before it has a result, is free: what"
                " was held is returned.",
            ),
        ),
        Answer(
            "reset", "When does quota reset?",
            (
                "Every purchase has months of its own, counted from the moment it was"
                " paid. At the end of such a month what is unused lapses, and the next"
                " month begins with the full quantity.",
                "A scan draws from the month that ends first.",
            ),
        ),
        Answer(
            "buy", "What does quota cost?",
            (
                f"Image scan is sold with Professional Edition, in steps of"
                f" {tariff.step:,}, at {price} for each quota a month. A purchase"
                " starts at once and ends with Professional Edition.",
                "Every month is granted and charged whole, a short last one too.",
            ),
        ),
        Answer(
            "expiry", "What happens when Professional Edition expires?",
            (
                "Reminders are sent on each of the seven days before. At the end"
                f" scanning stops. For {days} days, {grace} hours, it can still be"
                " renewed: the new term counts from the old end, and scanning resumes"
                " at once.",
                f"{deletion} hours after the end, images, results, schedules and"
                " registries are deleted. Orders, entries, the balance and notices"
                " stay.",
            ),
        ),
        Answer(
            "refund", "What is refunded?",
            (
                "What was paid for a purchase, less the quota it used at the price it"
                " was bought for. What lapsed unused is not deducted. The money goes to"
                " the balance of the account, which is never paid out.",
                "Ask on the order. Staff decide, and the decision is final.",
            ),
        ),
        Answer(
            "people", "Who may do what?",
            (
                "Every member sees images, results and usage. Global resource may scan,"
                " schedule and connect registries. Financial may buy, renew, top up and"
                " ask for refunds. The creator may do all of it, and looks after the"
                " members.",
            ),
        ),
    )  # fmt: skip
