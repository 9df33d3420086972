"""Large accounts, and the ratio of an act to a floor measured in the same run."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection

from accounts.models import Account
from tests.conftest import as_owner
from tests.factories import account_with

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def seconds(act: Callable[[], object], rounds: int = 1) -> float:
    """The median time of an act."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def run(sql: str, **params: object) -> None:
    """Run one statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)  # type: ignore[arg-type]


def analyze() -> None:
    """Let the planner know the tables, as autovacuum would."""
    with as_owner() as owner:
        owner.execute("ANALYZE")


def vacuum() -> None:
    """Let the planner know the tables, and indexes answer alone for rows that nothing
    writes any more, as autovacuum does soon after a large import."""
    with as_owner() as owner:
        owner.autocommit = True
        owner.execute("VACUUM (ANALYZE)")


def large_account(slug: str, images: int, scanned: int = 0) -> Account:
    """An account with many local images, the first ``scanned`` of them scanned."""
    account = account_with(quantity=300_000, now=NOW, slug=slug)
    run(
        """
        INSERT INTO quota_image (account_id, digest, os, architecture, variant, size,
            first_seen_at, is_local, name, tag, tags, containers, is_repository,
            repository, repository_tag, repository_tags, repository_search, outcome,
            outcome_reason, active_at, scanned_at, result, first_scans, repeat_scans,
            critical, high, medium, low, unknown, trojans, sensitive, risk)
        SELECT %(account)s,
            'sha256:' || encode(sha256((%(slug)s || n)::bytea), 'hex'),
            'linux', 'amd64', '', 1000000, %(now)s, true,
            'team-' || n %% 37 || '/' || (ARRAY['payments', 'web', 'data', 'ml'])
                [1 + n %% 4] || '-' || lpad(n::text, 7, '0'),
            '1.' || n %% 9, 1, n %% 50, false, '', '', 0, '',
            CASE WHEN n <= %(scanned)s THEN 'scanned' ELSE 'not_scanned' END, '',
            %(now)s - n * interval '1 second',
            CASE WHEN n <= %(scanned)s THEN %(now)s::timestamptz END,
            CASE WHEN n <= %(scanned)s THEN n END,
            (n <= %(scanned)s)::int, 0, n %% 3, n %% 7, n %% 11, 1, 0, 0, 0,
            (n %% 3) * 1000000 + (n %% 7) * 1000 + n %% 11
        FROM generate_series(1, %(images)s) n
        """,
        account=account.pk,
        slug=slug,
        now=NOW,
        images=images,
        scanned=scanned,
    )
    return account


def side_by_side(
    act: Callable[[], object], floor: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """The times of an act and of its floor, measured in turns: the lower quartile of
    each, so that what else the machine does falls on both or on neither."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for measured, times in zip((act, floor), taken, strict=True):
            times.append(seconds(measured))
    of_act, of_floor = (statistics.quantiles(times, n=4)[0] for times in taken)
    return of_act, of_floor


class Figures:
    """The ratios of one benchmark, printed as a table and asserted together."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.missed: list[str] = []

    def most(self, name: str, of_act: float, of_floor: float, target: float) -> None:
        """Note that an act may take at most ``target`` times its floor."""
        ratio = of_act / of_floor
        self._note(name, of_act, of_floor, ratio, f"≤ {target}", ratio <= target)

    def least(self, name: str, of_act: float, of_floor: float, target: float) -> None:
        """Note that an act must reach at least ``target`` of its floor's rate."""
        ratio = of_floor / of_act
        self._note(name, of_act, of_floor, ratio, f"≥ {target}", ratio >= target)

    def _note(
        self,
        name: str,
        of_act: float,
        of_floor: float,
        ratio: float,
        target: str,
        is_met: bool,
    ) -> None:
        line = (
            f"{name:<54} {of_act * 1000:>10.2f} {of_floor * 1000:>10.2f}"
            f" {ratio:>7.3f}  {target:<7} {'' if is_met else 'MISSED'}"
        )
        self.lines.append(line)
        if not is_met:
            self.missed.append(line)


@pytest.fixture
def figures(capsys: pytest.CaptureFixture[str]) -> Iterator[Figures]:
    """Collect ratios, print their table past the capture, fail if one is missed."""
    collected = Figures()
    yield collected
    head = f"{'':<54} {'ms':>10} {'floor ms':>10} {'ratio':>7}  target"
    with capsys.disabled():
        print("\n".join(("", head, *collected.lines)))  # noqa: T201 -- its purpose
    assert not collected.missed, "\n".join(collected.missed)
