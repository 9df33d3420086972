"""How many workers charge which accounts, how, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement. ``who`` names a module beside this one, whose
    ``charges(plan, worker)`` returns what a worker does again and again: one act, which
    says how many charges it was. A peer's also has ``prepare(accounts)``, which makes
    what is charged, and ``moved()``, which says how many charges its books show.

    A charge of two steps sets the amount aside and uses it later, as a scan does.
    """

    who: str
    workers: int
    accounts: int
    batch: int = 1
    steps: int = 2
    seconds: float = 5.0

    def accounts_of(self, worker: int) -> range:
        """The accounts that a worker charges in turn: the one there is, or some that
        nobody else charges."""
        return range(worker % self.accounts, self.accounts, self.workers)
