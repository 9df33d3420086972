"""Workers that die in the middle."""

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from quota.models import Image, ImageSource, LedgerEntry, Scan
from quota.scanners import Engines
from quota.services import overdue, syncing, working
from quota.services.advising import StoredAdvisories
from quota.services.reconciling import reconcile
from tcss_billing.demo.images import write_image
from tests.factories import account_with, press
from tests.races.processes import start

IMAGES = 200
KILLS = 20


def scan_everything(account_id: int) -> None:
    scanner = Engines(StoredAdvisories()).chosen("builtin")
    working.work(account_id=account_id, scanner=scanner, clock=timezone.now)


@pytest.mark.django_db(transaction=True)
def test_twenty_kills_leave_nothing_stuck_and_nothing_charged_twice(
    tmp_path: Path,
) -> None:
    account = account_with(now=timezone.now() - timedelta(days=1))
    for number in range(IMAGES):
        files = {"etc/os-release": b"ID=debian\n", "etc/n": f"{number}".encode()}
        write_image(tmp_path / "team", tag=f"{number}", layers=[files])
    ImageSource.objects.create(
        account=account, kind="oci-layout", location=str(tmp_path)
    )
    syncing.update_local_images(account=account, now=timezone.now())
    press(account, list(Image.objects.all()), timezone.now())
    chance = random.Random(5)  # noqa: S311 -- which moment is hit need not be secret

    for _ in range(KILLS):
        worker = start(scan_everything, account.pk)
        worker.join(chance.uniform(0.05, 0.25))
        worker.kill()
        worker.join()
        overdue.sweep(now=timezone.now() + working.LEASE + timedelta(seconds=1))
    scan_everything(account.pk)
    overdue.sweep(now=timezone.now() + working.LEASE + timedelta(seconds=1))

    states = Counter(Scan.objects.values_list("state", flat=True))
    assert set(states) <= {"settled", "released"}
    assert sum(states.values()) == IMAGES
    ends = LedgerEntry.objects.filter(kind__in=["settle", "release"])
    assert ends.count() == IMAGES
    assert states["settled"] > 0
    assert [proof for proof in reconcile() if proof.broken] == []
