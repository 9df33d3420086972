"""Images of registries that mean harm: refused with a reason, free, and the worker
goes on."""

import gzip
import tarfile
from datetime import datetime

import pytest

from accounts.models import Account
from quota.models import Image, QuotaWindow, Scan
from quota.services import registries
from quota.services.reconciling import reconcile
from quota.services.registries import Details
from quota.sources.opened import digest_of
from tests.registries import hostile as bad
from tests.registries.acts import connect, scan, sync
from tests.registries.hostile import layer_of, tar_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_private_allowed")]
GOOD = ("etc/os-release", b"ID=debian\n")


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def bomb() -> tuple[bytes, bytes]:
    """Five gigabytes of nothing in five megabytes."""
    head = tarfile.TarInfo("var/zeros")
    head.size = 5 << 30
    packed = gzip.compress(head.tobuf()) + gzip.compress(bytes(1 << 24), 1) * 320
    return packed, b"whatever it claims to be"


def looked_at(account: Account, hostile: bad.Registry, now: datetime) -> Scan:
    sync(connect(account, hostile.address, now), now)
    return scan(account, now)


def is_free(ended: Scan) -> bool:
    held = QuotaWindow.objects.filter(held_tenths__gt=0).exists()
    used = QuotaWindow.objects.filter(used_tenths__gt=0).exists()
    return ended.state == "released" and not held and not used


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (bomb(), "larger than allowed"),
        ((gzip.compress(b"not a tar" * 900), b"x"), "match its digest"),
        ((gzip.compress(tar_of(GOOD))[:-9], tar_of(GOOD)), "ends too early"),
        ((b"\x1f\x8b damaged", b"x"), "could not be unpacked"),
        ((layer_of(GOOD)[0], tar_of(("other", b"1"))), "match its digest"),
    ],
    ids=["zip bomb", "no tar", "cut short", "no gzip", "another diff ID"],
)
def test_a_layer_that_is_not_what_it_says_fails_with_a_reason_and_is_free(
    account: Account,
    hostile: bad.Registry,
    now: datetime,
    layer: tuple[bytes, bytes],
    reason: str,
) -> None:
    hostile.holds(layers=(layer,))

    ended = looked_at(account, hostile, now)

    assert reason in ended.message
    assert is_free(ended)
    assert [proof for proof in reconcile() if proof.broken] == []


def test_a_layer_that_lies_about_its_digest_is_free(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    stored, plain = layer_of(GOOD)
    other, _ = layer_of(("etc/os-release", b"ID=alpine\n"))
    hostile.holds(layers=((stored, plain),))
    hostile.answers[f"/v2/team/app/blobs/{digest_of(stored)}"] = bad.body(
        other[: len(stored)]
    )

    ended = looked_at(account, hostile, now)

    assert is_free(ended)
    assert "match its digest" in ended.message


@pytest.mark.parametrize(
    "member_of_tar",
    [
        ("../../../../tmp/tcss-escaped", b"x"),
        ("/tmp/tcss-escaped", b"x"),  # noqa: S108 -- it must not be written
        member("dev/sda", tarfile.BLKTYPE),
        member("dev/tty", tarfile.CHRTYPE),
        member("var/pipe", tarfile.FIFOTYPE),
        member("var/lib/dpkg/status", tarfile.SYMTYPE, "/etc/passwd"),
        member("var/lib/dpkg/status", tarfile.LNKTYPE, "../../../etc/passwd"),
        member("var/lib/dpkg", tarfile.SYMTYPE, "../../../../../etc"),
    ],
    ids=["dots", "root", "block", "character", "pipe", "link", "hard link", "folder"],
)
def test_members_that_would_leave_the_image_touch_nothing_outside_of_it(
    account: Account,
    hostile: bad.Registry,
    now: datetime,
    member_of_tar: tarfile.TarInfo | tuple[str, bytes],
) -> None:
    hostile.holds(layers=(layer_of(GOOD, member_of_tar),))

    ended = looked_at(account, hostile, now)

    assert ended.state in {"settled", "released"}
    assert "root:" not in str(ended.found) + str(ended.assessments)
    with pytest.raises(FileNotFoundError):
        open("/tmp/tcss-escaped").close()  # noqa: S108 -- it must not be there


@pytest.mark.parametrize("answer", [bad.hang, bad.drip, bad.garbage])
def test_a_registry_that_falls_silent_during_a_scan_costs_nothing(
    account: Account, hostile: bad.Registry, now: datetime, answer: bad.Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stored, plain = layer_of(GOOD)
    hostile.holds(layers=((stored, plain),))
    hostile.answers[f"/v2/team/app/blobs/{digest_of(stored)}"] = answer
    monkeypatch.setattr("quota.sources.wire.SECONDS", 0.3)
    monkeypatch.setattr("quota.sources.distribution.GRACE", 0.5)

    ended = looked_at(account, hostile, now)

    assert is_free(ended)
    assert ended.message.endswith(".")


def test_the_worker_goes_on_to_the_next_image(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    broken = (layer_of(GOOD)[0], tar_of(("other", b"1")))
    hostile.holds("team/broken", layers=(broken,))
    hostile.holds("team/good", layers=(layer_of(GOOD),), config={"author": "good"})
    hostile.answers["/v2/_catalog"] = bad.catalogue(["team/broken", "team/good"])

    looked_at(account, hostile, now)

    ends = {scan.image.repository: scan.state for scan in Scan.objects.all()}
    assert ends == {"team/broken": "released", "team/good": "settled"}


def test_a_password_that_was_revoked_is_said_on_the_image(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds(layers=(layer_of(GOOD),))
    registry = connect(account, hostile.address, now)
    sync(registry, now)
    denied = bad.status(401, WWW_Authenticate='Basic realm="x"')
    manifests = [path for path in hostile.answers if "/manifests/" in path]
    for path in manifests:
        hostile.answers[path] = denied
    registries.change(
        registry=registry,
        details=Details(
            name="r", type="docker", address=hostile.address, username="reader"
        ),
        password="revoked",
    )

    ended = scan(account, now)

    assert is_free(ended)
    assert "refused the username or password" in ended.message
    assert Image.objects.get().outcome == "failed"
