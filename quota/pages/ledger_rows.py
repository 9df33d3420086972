"""The lines of *Usage and ledger*: batches that open to their entries, or entries."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from accounts.models import Account, User
from quota.models import Image, LedgerBatch, LedgerEntry, QuotaWindow, Scan, ScanTask
from quota.pages.ledger_filter import TYPES
from quota.pages.words import Clock
from quota.rules.units import format_quota, format_quota_column

Kind = LedgerEntry.Kind
MINUS = "\u2212"
COUNTED = re.compile("(Selected|Recommended|All) [a-z]+ images")
DASH = "–"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line: what moved, for which images and task, and what was left. Its name
    opens the reason, or the images of a batch."""

    what: str
    url: str
    detail: str
    task_url: str
    kind: str
    tone: str
    by: str
    when: str
    iso: str
    used: str
    held: str
    left: str
    outcome: str = ""


class Named:
    """What the lines of a page name, each asked for once: images, tasks, people,
    windows."""

    def __init__(
        self, account: Account, rows: Sequence[LedgerBatch | LedgerEntry]
    ) -> None:
        self.account = account
        self.windows = QuotaWindow.objects.filter(
            account=account, pk__in={row.window_id for row in rows}
        ).in_bulk()
        self.people = names_of({row.by_id for row in rows})
        singles = [
            row.first_entry
            for row in rows
            if isinstance(row, LedgerBatch) and row.entries == 1 and row.task
        ]
        many = {row.task for row in rows if isinstance(row, LedgerBatch) and row.task}
        found = LedgerEntry.objects.filter(account=account, pk__in=singles)
        self.singles = found.in_bulk() if singles else {}
        self.tasks: Mapping[int, str] = dict(
            ScanTask.objects.filter(account=account, pk__in=many).values_list(
                "pk", "title"
            )
            if many
            else ()
        )
        mine = [row for row in rows if isinstance(row, LedgerEntry)]
        self.images = images_of(account, [*mine, *self.singles.values()])

    def by(self, row: LedgerBatch | LedgerEntry) -> str:
        """Who did it: a person, a schedule, or the system."""
        if row.by_id is None:
            return "Schedule" if row.task else "System"
        return self.people.get(row.by_id, "")


def batch_rows(
    account: Account, found: Sequence[LedgerBatch], clock: Clock
) -> Iterator[LedgerRow]:
    """The lines of batches, in at most five queries; one of a single entry reads as the
    entry does."""
    named = Named(account, found)
    for batch in found:
        entry = named.singles.get(batch.first_entry)
        if entry is not None:
            yield _entry_row(entry, named, clock)
            continue
        window = named.windows[batch.window_id]
        is_many = batch.entries > 1
        yield LedgerRow(
            what=(
                _many(batch.entries, named.tasks.get(batch.task or 0, ""))
                if is_many
                else f"Month of {clock.date(window.starts_at)}"
            ),
            url=(
                reverse("quota:batch", args=[account.slug, batch.pk])
                if is_many
                else _entry_url(account, batch.first_entry)
            ),
            detail=(
                f"Task {batch.task}"
                if batch.task
                else _window_words(batch, window, clock)
            ),
            task_url=_task_url(account, batch.task),
            by=named.by(batch),
            when=clock.moment(batch.created_at),
            iso=clock.iso(batch.created_at),
            left=format_quota_column(batch.free_after_tenths),
            **_moves(batch),
        )


def entry_rows(
    account: Account, found: Sequence[LedgerEntry], clock: Clock
) -> Iterator[LedgerRow]:
    """The lines of entries, in at most three queries."""
    named = Named(account, found)
    for entry in found:
        yield _entry_row(entry, named, clock)


def _entry_row(entry: LedgerEntry, named: Named, clock: Clock) -> LedgerRow:
    outcome = ""
    if entry.kind == Kind.RELEASE:
        outcome = Scan.Outcome(entry.outcome).label
    window = named.windows[entry.window_id]
    return LedgerRow(
        what=image_name(entry, named.images)
        or f"Month of {clock.date(window.starts_at)}",
        url=_entry_url(named.account, entry.pk),
        detail=(
            f"Task {entry.task}{', ' if outcome else ''}{outcome.lower()}"
            if entry.task
            else _window_words(entry, window, clock)
        ),
        task_url=_task_url(named.account, entry.task),
        by=named.by(entry),
        when=clock.moment(entry.created_at),
        iso=clock.iso(entry.created_at),
        left=format_quota_column(entry.free_after_tenths),
        outcome=outcome,
        **_moves(entry),
    )


def images_of(account: Account, rows: Collection[LedgerEntry]) -> Mapping[str, Image]:
    """The images that entries are of, by their ID; a deleted one is not among them."""
    digests = {row.image_digest for row in rows} - {""}
    images = Image.objects.filter(account=account, digest__in=digests)
    return {image.digest: image for image in images} if digests else {}


def image_name(entry: LedgerEntry, images: Mapping[str, Image]) -> str:
    """An image as a line names it; by its ID once it is deleted."""
    image = images.get(entry.image_digest)
    if image is None:
        return entry.image_digest[7:19]
    if image.name:
        return f"{image.name}:{image.tag}" if image.tag else image.name
    if image.repository_tag:
        return f"{image.repository}:{image.repository_tag}"
    return image.repository or image.digest[7:19]


def image_url(account: Account, image: Image) -> str:
    """The image's page, in the list that has it."""
    kind = "local" if image.is_local or not image.is_repository else "repository"
    return reverse("quota:image", args=[account.slug, kind, image.digest])


def names_of(ids: Collection[int | None]) -> Mapping[int, str]:
    """People by their number."""
    known = [pk for pk in ids if pk is not None]
    people = User.objects.filter(pk__in=known) if known else ()
    return {person.pk: str(person) for person in people}


def type_of(row: LedgerBatch | LedgerEntry) -> tuple[str, str]:
    """The type in words, and its tone."""
    words, tone, _ = TYPES[row.reason if row.kind == Kind.SETTLE else row.kind]
    return words, tone


def moves(row: LedgerBatch | LedgerEntry) -> tuple[int, int]:
    """What it adds to the used and to the held quota, in tenths."""
    if row.kind == Kind.SETTLE:
        return row.tenths, -row.tenths
    held = {Kind.HOLD: row.tenths, Kind.RELEASE: -row.tenths}
    return 0, held.get(Kind(row.kind), 0)


def _moves(row: LedgerBatch | LedgerEntry) -> dict[str, str]:
    words, tone = type_of(row)
    used, held = moves(row)
    return {
        "kind": words,
        "tone": tone,
        "used": format_quota_column(used) if used else DASH,
        "held": signed(held),
    }


def signed(tenths: int) -> str:
    """A change: ``+31.2``, ``−0.1``, or a dash for none."""
    if not tenths:
        return DASH
    return f"{'+' if tenths > 0 else MINUS}{format_quota_column(abs(tenths))}"


def _many(count: int, title: str) -> str:
    """``96 recommended local images``: the title of the task, counted."""
    found = COUNTED.fullmatch(title)
    return (
        f"{count:,} {found[0].lower().removeprefix('all ')}"
        if found
        else (f"{count:,} images")
    )


def _window_words(
    row: LedgerBatch | LedgerEntry, window: QuotaWindow, clock: Clock
) -> str:
    if row.kind == Kind.LAPSE:
        return f"{format_quota(row.tenths)} unused quota removed"
    if row.kind == Kind.GRANT:
        return f"{format_quota(row.tenths)} until {clock.date(window.ends_at)}"
    return f"{format_quota(row.tenths)} removed"


def _entry_url(account: Account, entry: int) -> str:
    return reverse("quota:entry", args=[account.slug, entry])


def _task_url(account: Account, task: int | None) -> str:
    return reverse("quota:task", args=[account.slug, task]) if task else ""
