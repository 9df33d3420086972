"""*Registries*: each with its state, the sync that is running, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, FilteredRelation, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from quota.models import Registry, RegistrySync
from quota.pages import cells
from quota.pages.rail import percent
from quota.pages.words import Clock, lowered, plural


@dataclass(frozen=True, slots=True)
class Running:
    """A sync that is being read, or waits to be."""

    words: str
    detail: str
    width: str
    percent: int


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """One registry as pages show it."""

    id: int
    name: str
    type: str
    address: str
    state: SafeString
    problem: str
    remedy: str
    since: str
    synced: str
    held: str
    unread: str
    running: Running | None
    url: str
    check_url: str


@dataclass(frozen=True, slots=True)
class RegistriesPage:
    """All registries of an account. ``polling`` while one is being read."""

    rows: Sequence[RegistryRow]
    last_synced: str
    polling: bool

    @property
    def failing(self) -> Sequence[RegistryRow]:
        """Those whose images cannot be scanned at the moment."""
        return [row for row in self.rows if row.problem]

    @property
    def reading(self) -> Sequence[RegistryRow]:
        """Those that are being read, or will be, without anything being wrong."""
        return [row for row in self.rows if row.running and not row.problem]


LIVE = (
    "pk", "requested_at", "began_at", "repositories", "total", "tags", "unread",
    "resume_at", "waits_because",
)  # fmt: skip
LAST = ("repositories", "tags", "unread", "unread_example")


def registries_page(account: Account, now: datetime) -> RegistriesPage:
    """Every registry with the sync that is live and the last one that was done, in one
    query."""
    clock = Clock(account, now)
    done = RegistrySync.objects.filter(
        account=account, registry=OuterRef("pk"), outcome=RegistrySync.Outcome.DONE
    ).order_by("-pk")
    live = Q(syncs__account=account, syncs__ended_at=None)
    found = list(
        Registry.objects.filter(account=account)
        .annotate(live=FilteredRelation("syncs", condition=live))
        .annotate(
            **{f"live_{name}": F(f"live__{name}") for name in LIVE},
            **{f"last_{name}": Subquery(done.values(name)[:1]) for name in LAST},
        )
        .order_by("name", "pk")
        .values(
            "id", "name", "type", "address", "problem", "remedy", "failing_since",
            "checked_at", "succeeded_at",
            *[f"live_{name}" for name in LIVE], *[f"last_{name}" for name in LAST],
        )
    )  # fmt: skip
    synced = [row["succeeded_at"] for row in found if row["succeeded_at"]]
    rows = [_row(row, account, clock) for row in found]
    return RegistriesPage(
        rows=rows,
        last_synced=lowered(clock.moment(max(synced))) if synced else "",
        polling=any(row.running for row in rows),
    )


def _row(row: Mapping[str, object], account: Account, clock: Clock) -> RegistryRow:
    values = dict(row)
    at = [account.slug, values["id"]]
    since, synced = values["failing_since"], values["succeeded_at"]
    return RegistryRow(
        id=int(str(values["id"])),
        name=str(values["name"]),
        type=Registry.Type(str(values["type"])).label,
        address=str(values["address"]).removeprefix("https://"),
        state=_state(values),
        problem=str(values["problem"]),
        remedy=str(values["remedy"]),
        since=lowered(clock.moment(since)) if isinstance(since, datetime) else "",
        synced=clock.moment(synced) if isinstance(synced, datetime) else "",
        held=_held(values),
        unread=_unread(values),
        running=_running(values, clock) if values["live_pk"] else None,
        url=reverse("quota:registry", args=at),
        check_url=reverse("quota:check-registry", args=at),
    )


def _state(row: Mapping[str, object]) -> SafeString:
    if row["live_pk"] and row["live_began_at"] and not row["live_resume_at"]:
        return cells.state("Syncing", "loader-circle", "run")
    if row["problem"]:
        return cells.state("Not reachable", "circle-x", "bad")
    if row["live_pk"]:
        return cells.state("Waiting", "clock", "")
    if row["succeeded_at"]:
        return cells.state("Synced", "circle-check", "ok")
    if row["checked_at"]:
        return cells.state("Connected", "circle-check", "ok")
    return cells.state("Not checked", "circle-dashed", "")


def _held(row: Mapping[str, object]) -> str:
    repositories, tags = row["last_repositories"], row["last_tags"]
    if not isinstance(repositories, int) or not isinstance(tags, int):
        return ""
    return (
        f"{plural(repositories, 'repository', 'repositories')}, {plural(tags, 'tag')}"
    )


def _unread(row: Mapping[str, object]) -> str:
    count = row["last_unread"]
    if not isinstance(count, int) or not count:
        return ""
    could = plural(count, "repository", "repositories")
    return f"{could} could not be read, such as {row['last_unread_example']}"


def _running(row: Mapping[str, object], clock: Clock) -> Running:
    read, total = int(str(row["live_repositories"])), row["live_total"]
    whole = total if isinstance(total, int) else 0
    read = min(read, whole) if whole else read
    resume = row["live_resume_at"]
    detail = ""
    if isinstance(resume, datetime):
        why = "" if row["problem"] else row["live_waits_because"]
        detail = f"Goes on {lowered(clock.moment(resume))}. {why}".strip()
    words = "Starts in a moment"
    if isinstance(total, int):
        tags = plural(int(str(row["live_tags"])), "tag")
        words = f"{read:,} of {plural(total, 'repository', 'repositories')}, {tags}"
    return Running(
        words=words,
        detail=detail,
        width=percent(read, whole),
        percent=read * 100 // whole if whole else 0,
    )
