"""Images for several platforms: linux/amd64 by default, the others when ticked."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import Image, ImageSource, Kind, Scan, Schedule, Scope, Selection
from quota.models.schedules import Settings
from quota.services import scheduling, syncing
from tcss_billing.demo.images import write_image
from tcss_billing.demo.registry import USER, server
from tests.factories import ALL, ImageFactory
from tests.registries.acts import connect, sync

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
WIDE = (Scope.ALL, Scope.MATCHING, Scope.RECOMMENDED)


@pytest.fixture
def images(account: Account) -> dict[str, Image]:
    """One image for linux/amd64 and its sister for arm64, in both lists."""
    both = {"account": account, "containers": 1, "in_registry": True, "name": "a"}
    return {
        "amd64": ImageFactory.create(**both),
        "arm64": ImageFactory.create(
            **both, architecture="arm64", is_other_platform=True
        ),
    }


def write(folder: Path, tag: str, *architectures: str) -> None:
    for architecture in architectures:
        layers = [{"etc/hostname": b"app"}]
        write_image(folder, tag=tag, layers=layers, architecture=architecture)


def others(account: Account) -> set[str]:
    found = Image.objects.filter(account=account, is_other_platform=True)
    return set(found.values_list("architecture", flat=True))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    made = server(0, [folder], "s3cret")
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    with override_settings(REGISTRIES_MAY_BE_PRIVATE=True):
        yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def read(account: Account, kind: Kind, folder: Path, now: datetime) -> None:
    """Read ``folder`` as a place of this kind."""
    if kind is Kind.LOCAL:
        ImageSource.objects.get_or_create(
            account=account, kind="oci-layout", location=str(folder)
        )
        syncing.update_local_images(account=account, now=now)
        return
    with served(folder) as address:
        name = f"at {now}"
        registry = connect(
            account, address, now, name=name, username=USER, password="s3cret"
        )
        assert sync(registry, now).outcome == "done"


@pytest.mark.parametrize("kind", Kind)
def test_reading_an_index_tells_its_platforms_apart(
    account: Account, tmp_path: Path, now: datetime, kind: Kind
) -> None:
    write(tmp_path / "team/app", "1.0", "amd64", "arm64", "s390x")
    write(tmp_path / "team/arm", "1.0", "riscv64", "ppc64le")
    write(tmp_path / "team/one", "1.0", "mips64le")

    read(account, kind, tmp_path, now)

    assert Image.objects.filter(account=account).count() == 6
    assert others(account) == {"arm64", "s390x"}


@pytest.mark.parametrize("kind", Kind)
def test_an_image_with_a_tag_of_its_own_is_no_other_platform_any_more(
    account: Account, tmp_path: Path, now: datetime, kind: Kind
) -> None:
    write(tmp_path / "team/app", "1.0", "amd64", "arm64")
    read(account, kind, tmp_path, now)
    assert others(account) == {"arm64"}

    write(tmp_path / "team/app", "1.0-arm", "arm64")
    read(account, kind, tmp_path, now + timedelta(hours=1))

    assert others(account) == set()
    assert Image.objects.filter(account=account).count() == 2


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("scope", WIDE)
def test_other_platforms_are_left_out_of_what_was_not_chosen_one_by_one(
    account: Account, images: dict[str, Image], now: datetime, kind: Kind, scope: Scope
) -> None:
    usual, other = images["amd64"], images["arm64"]
    selection = Selection(scope, kind=kind)
    everything = Selection(scope, kind=kind, other_platforms=True)
    chosen = Selection(Scope.SELECTED, ids=(usual.pk, other.pk), kind=kind)

    assert list(selection.images(account.pk, now)) == [usual]
    assert list(selection.passed_over(account.pk, now)) == [other]
    for takes_both in (everything, chosen):
        assert set(takes_both.images(account.pk, now)) == {usual, other}
        assert not takes_both.passed_over(account.pk, now).exists()


def test_the_dialog_says_how_many_are_left_out_and_takes_them_when_ticked(
    signed_in: Client, account: Account, images: dict[str, Image]
) -> None:
    at = reverse("quota:scan-now", args=[account.slug, "local"])
    query = {"scope": "all", "key": str(uuid4()), "categories": ALL}

    without = signed_in.get(at, query)
    ticked = signed_in.get(at, query | {"other_platforms": "1"})
    bar = signed_in.get(
        reverse("quota:selection", args=[account.slug, "local"]),
        {"scope": "matching"},
        HTTP_HX_REQUEST="true",
    )
    one = signed_in.get(at, {"image": images["arm64"].pk})

    said = "1 image for other platforms is left out"
    assertContains(without, said)
    assertContains(bar, "1 for other platforms left out")
    assert without.context["estimate"].images == 1
    assertNotContains(ticked, said)
    assert ticked.context["estimate"].images == 2
    assertNotContains(one, said)
    assert one.context["estimate"].images == 1


def test_a_press_takes_the_platforms_it_was_shown_and_no_others(
    signed_in: Client, account: Account, images: dict[str, Image]
) -> None:
    at = reverse("quota:scan-now", args=[account.slug, "local"])
    shown = signed_in.get(at, {"scope": "all", "key": str(uuid4()), "categories": ALL})
    agreed = dict(
        re.findall(r'name="(agreed_\w+)" value="([^"]*)"', shown.content.decode())
    )
    press = {"scope": "all", "categories": ALL, **agreed}

    ticked_since = signed_in.post(
        at, {**press, "key": str(uuid4()), "other_platforms": "1"}
    )
    as_shown = signed_in.post(at, {**press, "key": str(uuid4())})

    assertContains(ticked_since, "The images changed", status_code=409)
    assert as_shown.status_code == 302
    assert [scan.image for scan in Scan.objects.all()] == [images["amd64"]]


def test_a_schedule_keeps_the_tick_and_its_runs_follow_it(
    signed_in: Client, account: Account, images: dict[str, Image]
) -> None:
    at = reverse("quota:schedule", args=[account.slug, "local"])
    form = {
        "is_on": "1", "cycle_days": "1", "start": "02:00", "categories": ALL,
        "scope": "all", "revision": "0",
    }  # fmt: skip
    assertContains(signed_in.get(at, form), "1 image for other platforms is left out")

    signed_in.post(at, {**form, "other_platforms": "1"})

    schedule = Schedule.objects.get()
    assert schedule.due_at
    assert schedule.other_platforms
    page = signed_in.get(at)
    assert re.search(r'name="other_platforms" value="1" checked', page.content.decode())
    assertNotContains(page, "left out: the same tag")
    scheduling.queue_due(now=schedule.due_at)
    assert Scan.objects.count() == 2


def test_a_schedule_saved_without_the_tick_scans_one_platform(
    account: Account, images: dict[str, Image], now: datetime
) -> None:
    schedule = scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=Settings(is_on=True, scope=Scope.ALL),
        revision=0,
        by=None,
        now=now,
    )
    assert schedule.due_at

    scheduling.queue_due(now=schedule.due_at)

    assert [scan.image for scan in Scan.objects.all()] == [images["amd64"]]
