"""A charge of ours: reserve, claim, and end with a result, a transaction each."""

from collections.abc import Callable
from datetime import timedelta
from itertools import cycle
from uuid import uuid4

from accounts.models import Account
from quota.models import Image, Scan, Scope, Selection
from quota.services import ending, scanning, working
from quota.services.ending import Ended
from quota.services.scanning import ScanRequest
from tests.benchmarks.charging.plan import Plan
from tests.benchmarks.conftest import NOW
from tests.factories import ALL, report

CLEAN = report(findings=0)


class Seat:
    """A place at an account, with images that nobody else presses.

    Workers claim whichever scans of the account are the oldest. The images of those
    that a seat has ended are free, and are what it presses next.
    """

    def __init__(self, account: Account, images: list[int]) -> None:
        self._account = account
        self._images = images

    def charge(self) -> int:
        """One task from the press to its results."""
        self._press()
        scans: list[Scan] = []
        while len(scans) < len(self._images):
            scans += self._ended(len(self._images) - len(scans))
        self._images = [scan.image_id for scan in scans]
        return len(scans)

    def _press(self) -> None:
        scanning.reserve(
            account=self._account,
            request=ScanRequest(
                Selection(Scope.SELECTED, ids=tuple(self._images)),
                ALL,
                "Selected local images",
            ),
            agreed=None,
            key=uuid4(),
            by=None,
            now=NOW,
        )

    def _ended(self, limit: int) -> list[Scan]:
        """Those that were claimed; none while others are claiming what there is."""
        claim = working.claim(account_id=self._account.pk, limit=limit, now=NOW)
        if claim is None:
            return []
        ended = [
            Ended(scan.pk, claim.token, Scan.Outcome.SUCCEEDED, report=CLEAN)
            for scan in claim.scans
        ]
        first = ending.end(
            account_id=self._account.pk, ended=ended, now=NOW + timedelta(seconds=5)
        )
        assert first == len(claim.scans)
        return list(claim.scans)


def charges(plan: Plan, worker: int) -> Callable[[], int]:
    """Press at each of the worker's accounts in turn."""
    accounts = accounts_of(plan)
    mine = [accounts[number] for number in plan.accounts_of(worker)]
    seats = cycle([_seat(plan, worker, account) for account in mine])
    return lambda: next(seats).charge()


def accounts_of(plan: Plan) -> list[Account]:
    """The one hot account, or many calm ones."""
    slug = "hot" if plan.accounts == 1 else "calm"
    return list(Account.objects.filter(slug__startswith=slug).order_by("pk"))


def _seat(plan: Plan, worker: int, account: Account) -> Seat:
    images = Image.objects.filter(account=account).order_by("pk")
    first = worker // plan.accounts * plan.batch
    ids = images.values_list("pk", flat=True)[first : first + plan.batch]
    return Seat(account, list(ids))
