"""A charge in django-hordak: one transfer, or one to what is held and one from there.

Each in a transaction that has locked the account first, as one has to who wants to
refuse. Each account has its own counterparts, so that accounts have no row in common.
"""

from collections.abc import Callable
from itertools import cycle, pairwise

from django.core.management import call_command
from django.db import transaction
from django.db.models import Sum
from hordak.models import Account, AccountType, Leg
from moneyed import Money

from tests.benchmarks.charging.plan import Plan

AMOUNT = Money(1, "USD")


def prepare(accounts: int) -> None:
    """Install it, and make accounts."""
    call_command("migrate", verbosity=0)
    for number in range(accounts):
        for name in ("free", "held", "used"):
            Account.objects.create(
                name=f"{name}-{number}", type=AccountType.asset, currencies=["USD"]
            )


def moved() -> int:
    """How many charges the books show."""
    Account.validate_accounting_equation()
    used = Leg.objects.filter(account__name__startswith="used-")
    return int(used.aggregate(of=Sum("debit", default=0))["of"])


def charges(plan: Plan, worker: int) -> Callable[[], int]:
    """Transfer at each of the worker's accounts in turn."""
    names = ("free", "held", "used") if plan.steps == 2 else ("free", "used")
    turns = cycle(
        [[Account.objects.get(name=f"{name}-{number}") for name in names]
         for number in plan.accounts_of(worker)]
    )  # fmt: skip

    def charge() -> int:
        for source, target in pairwise(next(turns)):
            _transfer(source, target)
        return 1

    return charge


@transaction.atomic
def _transfer(source: Account, target: Account) -> None:
    Account.objects.select_for_update().get(pk=source.pk)
    source.transfer_to(target, AMOUNT)
