"""A registry of ten thousand repositories with three tags each."""

import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from quota.models import Image, Kind, RegistrySync
from quota.services import registry_reading, registry_syncs
from tests.benchmarks.conftest import Figures, analyze, side_by_side
from tests.benchmarks.test_pages import signed_in
from tests.factories import account_with
from tests.registries.acts import connect
from tests.registries.many import many_repositories
from tests.registries.memory import MEGABYTE, grown_by

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_private_allowed"),
]
REPOSITORIES = int(os.environ.get("BENCH_REPOSITORIES", "10000"))


def read(account_id: int, sync_id: int) -> None:
    registry_reading.work(account_id=account_id, sync_id=sync_id, clock=timezone.now)


def watch(seen: list[int], done: threading.Event) -> None:
    """What the page shows meanwhile."""
    while not done.wait(5):
        seen.append(RegistrySync.objects.latest("pk").repositories)
    connection.close()


def test_ten_thousand_repositories(figures: Figures, tmp_path: Path) -> None:
    account = account_with(now=timezone.now() - timedelta(days=3))
    with many_repositories(REPOSITORIES) as many:
        registry = connect(account, many.address, timezone.now())
        for words in ("first sync", "second, incremental"):
            registry_syncs.request(
                account=account,
                registries=[registry],
                is_full=False,
                by=None,
                now=timezone.now(),
            )
            run = RegistrySync.objects.latest("pk")
            seen: list[int] = []
            done = threading.Event()
            begun = time.perf_counter()
            watcher = threading.Thread(target=watch, args=(seen, done))
            watcher.start()
            grown = grown_by(read, account.pk, run.pk, folder=tmp_path)
            took = time.perf_counter() - begun
            done.set()
            watcher.join()
            run.refresh_from_db()
            assert (run.outcome, run.repositories) == ("done", REPOSITORIES)
            assert grown < 300 * MEGABYTE
            assert len(set(seen)) > 1 or took < 10
            figures.lines.append(
                f"{words}: {run.tags:,} tags in {took:.0f} s,"
                f" {grown / MEGABYTE:.0f} MB above idle, progress seen to move"
                f" {len(set(seen))} times"
            )
    assert Image.objects.count() == REPOSITORIES * 3
    _page(figures, account)


def _page(figures: Figures, account: Account) -> None:
    analyze()
    client = signed_in(account)
    url = reverse("quota:images", args=[account.slug, Kind.REPOSITORY])
    for query in ("namespace=team-07", "latest=1", "tag=1.1", "q=app-00"):

        def filtered(query: str = query) -> None:
            assert client.get(f"{url}?{query}").status_code == 200

        def unfiltered() -> None:
            assert client.get(url).status_code == 200

        title = f"repository images by {query} / all"
        figures.most(title, *side_by_side(filtered, unfiltered, 15), 3.0)
