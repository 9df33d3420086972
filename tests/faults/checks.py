"""Holding the books against what every process wrote down."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from django.db.models import Sum

from accounts.models import BalanceEntry
from quota.models import (
    LedgerEntry,
    Order,
    QuotaWindow,
    RefundRequest,
    Scan,
    ScanTask,
    Subscription,
)
from quota.services import deciding, invoicing, overdue, windows, working
from quota.services.reconciling import reconcile
from tests.faults.journal import Command, Told, Writings

DEADLOCK = "40P01"
# Longer than any scan may wait for a worker, or run.
PATIENCE = timedelta(hours=26)


class Verdict(NamedTuple):
    """One claim, how much it was held against, and what breaks it."""

    claim: str
    checked: int
    broken: list[str]


def sweep_up(now: datetime) -> datetime:
    """Run the sweeper as it would have run by and by. Returns the time it is then."""
    later = now + working.LEASE + timedelta(seconds=5)
    overdue.sweep(now=later)
    later += PATIENCE
    overdue.sweep(now=later)
    deciding.finish_closing(now=later)
    windows.lapse_ended(now=later)
    invoicing.issue(now=later)
    return later


def verdicts(found: Writings) -> list[Verdict]:
    """Every claim about the run, as it stands after the sweeper."""
    proofs = list(reconcile())
    broken = [f"{proof.claim}: {row}" for proof in proofs for row in proof.broken]
    proved = sum(proof.checked for proof in proofs)
    return [
        Verdict(f"reconcile proves {len(proofs)} claims", proved, broken),
        acknowledged(found),
        _asked_for(found),
        _same_answers(found),
        _never_refused_after_done(found),
        _ended_as_told(found),
        _nothing_open(),
        _ledger_replays(),
        _no_bugs(found),
    ]


def acknowledged(found: Writings) -> Verdict:
    """I5: what was acknowledged is in the books, with the same numbers."""
    lost = [
        f"{told.command.verb} {told.command.key} of account {told.command.account}:"
        f" {told.answer}"
        for told in found.done
        if told.command.verb in STANDS and not STANDS[told.command.verb](told)
    ]
    return Verdict("acknowledged, so in the books", len(found.done), lost)


def _task_stands(told: Told) -> bool:
    """The task with its cost; when it was terminated since, its holds."""
    command = told.command
    task = ScanTask.objects.filter(account=command.account, key=command.key).first()
    if not told.answer:  # over HTTP only the key is known
        return task is not None or _was_terminated(command.account)
    pk, images, cost = told.answer
    if task and task.pk == pk:
        return (task.images, task.cost_tenths) == (images, cost)
    holds = LedgerEntry.objects.filter(account=command.account, kind="hold", task=pk)
    held = holds.aggregate(tenths=Sum("tenths"))["tenths"]
    return held == cost and _was_terminated(command.account)


def _was_terminated(account: int) -> bool:
    return Subscription.objects.filter(
        account=account, terminated_at__isnull=False
    ).exists()


def _order_stands(told: Told) -> bool:
    number, total = told.answer
    order = Order.objects.filter(account=told.command.account, key=told.command.key)
    row = order.values_list("number", "total").first()
    return row is not None and (row[0], str(row[1])) == (number, total)


def _entry_stands(told: Told) -> bool:
    pk, amount = told.answer
    entry = BalanceEntry.objects.filter(
        account=told.command.account, reference=f"faults:{told.command.key}"
    )
    return [(row.pk, str(row.amount)) for row in entry] == [(pk, amount)]


def _request_stands(told: Told) -> bool:
    pk, estimate = told.answer
    row = RefundRequest.objects.filter(
        account=told.command.account, key=told.command.key
    ).first()
    return row is not None and (row.pk, str(row.estimate)) == (pk, estimate)


STANDS: dict[str, Callable[[Told], bool]] = {
    "scan": _task_stands,
    "top up": _entry_stands,
    "reverse": _entry_stands,
    "buy": _order_stands,
    "renew": _order_stands,
    "ask refund": _request_stands,
}


def _asked_for(found: Writings) -> Verdict:
    """I5, the other way round: nothing is in the books that nobody asked for."""
    rows = (
        ScanTask.objects.all(),
        Order.objects.exclude(kind="refund"),
        RefundRequest.objects.all(),
    )
    keys = {str(key) for each in rows for key in each.values_list("key", flat=True)}
    unknown = sorted(keys - found.intended.keys())
    return Verdict("in the books, so asked for", len(keys), unknown)


def _same_answers(found: Writings) -> Verdict:
    """I6: the same key got the same answer, whoever asked and however often. What a
    termination deleted may be asked for anew."""
    answers: dict[tuple[str, str], set[str]] = defaultdict(set)
    asked_twice = Counter(told.command.key for told in found.done)
    for told in found.done:
        if told.command.verb != "end" and told.answer:
            answers[told.command.verb, told.command.key].add(str(told.answer))
    accounts = {key: command.account for key, command in found.intended.items()}
    other = [
        f"{verb} {key}: {sorted(said)}"
        for (verb, key), said in answers.items()
        if len(said) > 1 and not (verb == "scan" and _was_terminated(accounts[key]))
    ]
    twice = sum(number > 1 for number in asked_twice.values())
    return Verdict("same key, same answer", twice, other)


def _never_refused_after_done(found: Writings) -> Verdict:
    """I6: what was acknowledged is never refused later, quota or no quota."""
    first: dict[str, float] = {}
    for told in sorted(found.done, key=lambda told: told.ended):
        first.setdefault(told.command.key, told.ended)
    refused = [told for told in found.told if told.says == "refused"]
    wrong = [
        f"{told.command.verb} {told.command.key}: {told.why}"
        for told in refused
        if told.began > first.get(told.command.key, told.began)
        and not (told.command.verb == "scan" and _was_terminated(told.command.account))
    ]
    return Verdict("done, so never refused later", len(refused), wrong)


def _ended_as_told(found: Writings) -> Verdict:
    """I11: a batch counts its scans once, whoever brings it twice, and the ledger has
    the outcomes that were counted."""
    ends = [told for told in found.done if told.command.verb == "end"]
    wrong = []
    for key, group in groupby(
        sorted(ends, key=lambda told: told.command.key), lambda told: told.command.key
    ):
        attempts = list(group)
        counted = sum(told.answer[0] for told in attempts)
        booked = _booked(attempts[0].command)
        if not counted <= booked <= len(attempts[0].command.asked["outcomes"]):
            wrong.append(f"batch {key}: counted {counted}, booked {booked}")
    return Verdict("ended, so booked once as told", len(ends), wrong)


def _booked(command: Command) -> int:
    """How many of a batch's scans the ledger ends with the outcome they were given."""
    outcomes = dict(command.asked["outcomes"])
    rows = LedgerEntry.objects.filter(
        account=command.account, scan__in=outcomes, kind__in=["settle", "release"]
    ).values_list("scan", "outcome")
    return len({scan for scan, outcome in rows if outcomes[scan or 0] == outcome})


def _nothing_open() -> Verdict:
    """I11: after the sweeper no scan is in flight and no quota is held."""
    scans = Scan.objects.filter(state__in=["queued", "running"])
    tasks = ScanTask.objects.filter(ended_at=None)
    held = QuotaWindow.objects.filter(held_tenths__gt=0)
    closing = RefundRequest.objects.filter(state="closing")
    left = [f"{row._meta.model_name} {row.pk}"
            for rows in (scans, tasks, held, closing) for row in rows]  # fmt: skip
    return Verdict("nothing is open after the sweeper", Scan.objects.count(), left)


@dataclass
class _Books:
    """A window and the scans in it, replayed by plain counting."""

    free: int = 0
    held: int = 0
    holds: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def apply(self, entry: LedgerEntry) -> None:
        """Book one entry as a clerk would, and say where it cannot be."""
        scan, tenths = entry.scan or 0, entry.tenths
        if entry.kind == "hold":
            self._change(free=-tenths, held=tenths)
            if scan in self.holds:
                self.wrong.append(f"scan {scan} is held twice")
            self.holds[scan] = tenths
        elif entry.kind in {"settle", "release"}:
            self._change(free=tenths if entry.kind == "release" else 0, held=-tenths)
            if scan in self.ended or self.holds.get(scan) != tenths:
                self.wrong.append(f"scan {scan} ends {entry.kind} {tenths}")
            self.ended.add(scan)
        else:
            self._change(free=tenths if entry.kind == "grant" else -tenths)
        if self.free < 0 or self.held < 0 or self.free != entry.free_after_tenths:
            self.wrong.append(f"entry {entry.pk}: {self.free} free, {self.held} held")

    def _change(self, *, free: int, held: int = 0) -> None:
        self.free, self.held = self.free + free, self.held + held


def _ledger_replays() -> Verdict:
    """I1 to I3, I7, I8: the ledger, replayed entry by entry without SQL, never
    overdraws a window, ends every hold once and charges a first scan once."""
    wrong: list[str] = []
    entries = LedgerEntry.objects.order_by("account", "window", "pk")
    rows = list(entries.iterator())
    for (account, window), group in groupby(
        rows, lambda row: (row.account_id, row.window_id)
    ):
        books = _Books()
        for entry in group:
            books.apply(entry)
        wrong += [f"account {account} window {window}: {say}" for say in books.wrong]
    return Verdict("the ledger replays", len(rows), wrong + _firsts_twice(rows))


def _firsts_twice(rows: Iterable[LedgerEntry]) -> list[str]:
    """I7: an image is charged as new once per life of the subscription."""
    begun = defaultdict(list)
    for account, anchor in Subscription.objects.values_list("account", "anchor"):
        begun[account].append(anchor)
    firsts: dict[tuple[int, str, int], set[int]] = defaultdict(set)
    for row in rows:
        if row.kind == "settle" and row.reason == "first" and row.scan:
            life = sum(anchor <= row.created_at for anchor in begun[row.account_id])
            firsts[row.account_id, row.image_digest, life].add(row.scan)
    return [f"image {image}: scans {scans} are all the first"
            for (_, image, _), scans in firsts.items() if len(scans) > 1]  # fmt: skip


def _no_bugs(found: Writings) -> Verdict:
    """Nothing but refusals and outages was met, and no deadlock."""
    met = [(told.says, told.why) for told in found.told] + found.counted
    bugs = [why for says, why in met if says == "bug" or why == DEADLOCK]
    return Verdict("no error but refusals and outages", len(met), bugs)
