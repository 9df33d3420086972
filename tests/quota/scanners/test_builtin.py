"""The builtin scanner on real images, and on hostile ones."""

import gzip
import io
import tarfile
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest

from quota.scanners.builtin import BuiltinScanner
from quota.scanners.filesystem import Limits
from quota.scanners.matching import Affected, Held
from quota.scanners.port import Category, Finding, Report, ScanFailed, Severity
from quota.sources import open_source
from tcss_billing.demo.images import EICAR, FAKE_KEY, Files, write_image

ALL = frozenset(Category)
DEBIAN = b'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n'
DPKG = (
    b"Package: libssl3\nStatus: install ok installed\nSource: openssl\n"
    b"Version: 3.0.9-1\n\nPackage: gone\nStatus: deinstall ok config-files\n"
    b"Version: 1.0\n"
)


class Facts:
    """Advisories of a test: the edge of the scanner, in memory."""

    def __init__(self, *affected: Affected) -> None:
        self.affected = affected

    def holdings(self, ecosystems: Collection[str]) -> Mapping[str, Held]:
        held = Held(date(2026, 11, 1), is_starter_set=False)
        return {
            each.ecosystem: held
            for each in self.affected
            if each.ecosystem in ecosystems
        }

    def affecting(
        self, names: Mapping[str, frozenset[str]]
    ) -> Mapping[tuple[str, str], Sequence[Affected]]:
        return {
            (each.ecosystem, each.package): [each]
            for each in self.affected
            if each.package in names.get(each.ecosystem, frozenset())
        }


def fact(ecosystem: str, package: str, fixed: str, introduced: str = "") -> Affected:
    return Affected(
        ecosystem, package, f"CVE-{package}", introduced, fixed, "", (),
        Severity.HIGH, "", "test",
    )  # fmt: skip


OPENSSL = fact("Debian:12", "openssl", "3.0.17-1")


def scan(
    folder: Path,
    *layers: Files,
    facts: Facts | None = None,
    limits: Limits | None = None,
    damage: str = "",
    seconds: int = 60,
) -> Report:
    write_image(folder / "app", tag="1", layers=layers, damage=damage)
    source = open_source("oci-layout", str(folder))
    (found,) = source.find()
    scanner = BuiltinScanner(facts or Facts(OPENSSL), limits=limits)
    with source.open(found.locator) as image:
        return scanner.scan(image, ALL, lambda: seconds)


def of(report: Report, category: Category) -> list[Finding]:
    return [each for each in report.findings if each.category is category]


def test_a_package_below_the_fixed_version_is_found(tmp_path: Path) -> None:
    report = scan(tmp_path, {"etc/os-release": DEBIAN, "var/lib/dpkg/status": DPKG})

    (finding,) = of(report, Category.VULNERABILITIES)
    assert (finding.package, finding.fixed_version) == ("libssl3", "3.0.17-1")
    assert "Upgrade libssl3 from 3.0.9-1 to 3.0.17-1" in finding.advice
    assert finding.layer == "1 of 1"


def test_a_whiteout_hides_what_a_lower_layer_brought(tmp_path: Path) -> None:
    base = {"etc/os-release": DEBIAN, "var/lib/dpkg/status": DPKG, "bin/x": EICAR}

    report = scan(tmp_path, base, {"bin/.wh.x": b"", "var/lib/dpkg/.wh..wh..opq": b""})

    assert report.findings == ()


def test_a_file_added_again_above_its_whiteout_is_seen(tmp_path: Path) -> None:
    report = scan(tmp_path, {"bin/x": EICAR}, {"bin/.wh.x": b""}, {"bin/x": EICAR})

    (finding,) = of(report, Category.TROJANS)
    assert finding.layer == "3 of 3"


def test_a_file_replaced_above_is_seen_as_it_is_now(tmp_path: Path) -> None:
    report = scan(tmp_path, {"srv/key": FAKE_KEY}, {"srv/key": b"nothing"})

    assert of(report, Category.SENSITIVE_DATA) == []


def test_a_secret_is_masked(tmp_path: Path) -> None:
    report = scan(tmp_path, {"srv/.env": b"API_TOKEN=hunter2hunter2\n"})

    (finding,) = of(report, Category.SENSITIVE_DATA)
    assert finding.evidence == "hunt••••••••"
    assert "hunter2" not in repr(report)


def test_what_has_no_advisories_is_never_called_clean(tmp_path: Path) -> None:
    report = scan(
        tmp_path,
        {"etc/os-release": DEBIAN, "var/lib/dpkg/status": DPKG, "app/x.jar": b"PK"},
        facts=Facts(),
    )

    (assessment,) = [
        each for each in report.assessments if each.category is Category.VULNERABILITIES
    ]
    assert not assessment.assessed
    assert (
        "1 packages of Debian:12: no advisories are loaded" in assessment.not_assessed
    )
    assert "Java archives (1)" in assessment.not_assessed


def test_python_and_npm_packages_are_matched_by_their_own_order(tmp_path: Path) -> None:
    files = {
        "opt/Django-3.2.0.dist-info/METADATA": b"Name: Django\nVersion: 3.2.0\n",
        "srv/node_modules/lodash/package.json": b'{"version": "4.17.9"}',
    }
    facts = Facts(
        fact("PyPI", "django", "3.2.10", "3.2"), fact("npm", "lodash", "4.17.11")
    )

    report = scan(tmp_path, files, facts=facts)

    found = {each.identifier for each in of(report, Category.VULNERABILITIES)}
    assert found == {"CVE-django", "CVE-lodash"}


@pytest.mark.parametrize(
    ("damage", "words"),
    [("digest", "does not match its digest"), ("truncated", "Pull the image again")],
)
def test_a_damaged_layer_fails_with_a_reason(
    tmp_path: Path, damage: str, words: str
) -> None:
    with pytest.raises(ScanFailed, match=words):
        scan(tmp_path, {"a": b"x" * 100_000}, damage=damage)


def test_an_image_beyond_the_limits_fails_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed, match="unpacks to more"):
        scan(tmp_path, {"zeros": bytes(2_000_000)}, limits=Limits(octets=1_000_000))


def test_a_scan_past_its_deadline_gives_up(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed, match="time limit"):
        scan(tmp_path, {"a": b"x"}, seconds=0)


def test_names_that_climb_out_stay_inside_the_image(tmp_path: Path) -> None:
    report = scan(tmp_path, {"../../etc/cron.d/x": EICAR, "/abs/y": b"fine"})

    (finding,) = of(report, Category.TROJANS)
    assert finding.path == "etc/cron.d/x"
    assert not (tmp_path.parent / "etc").exists()


def test_devices_and_links_are_ignored(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, kind in (("dev/sda", tarfile.BLKTYPE), ("run/p", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            tar.addfile(info)
        link = tarfile.TarInfo("etc/passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        tar.addfile(link)
        info = tarfile.TarInfo("a")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    layout = tmp_path / "app"
    digest = write_image(layout, tag="1", layers=[{"a": b"x"}])
    assert digest
    content = gzip.compress(plain.getvalue(), mtime=0)

    class Layer:
        digest = "sha256:0"

        def open(self) -> gzip.GzipFile:
            return gzip.GzipFile(fileobj=io.BytesIO(content))

    class Image:
        digest = "sha256:0"
        config: Mapping[str, object] = {}
        layers = (Layer(),)

        def write_layout(self, folder: Path) -> None:
            raise AssertionError

    report = BuiltinScanner(Facts(OPENSSL)).scan(Image(), ALL, lambda: 60)  # type: ignore[arg-type]

    assert report.findings == ()


def told(report: Report, category: Category) -> tuple[str, ...]:
    (found,) = [each for each in report.assessments if each.category is category]
    return found.not_assessed


def test_a_go_program_is_told_as_not_assessed(tmp_path: Path) -> None:
    program = b"\x7fELF" + bytes(100) + b'\xff Go build ID: "x"'

    report = scan(
        tmp_path,
        {"etc/os-release": DEBIAN, "var/lib/dpkg/status": DPKG, "app/server": program},
    )

    left = told(report, Category.VULNERABILITIES)
    assert "Go binaries (1)" in left
    assert "Programs that no package list names" in left


def test_what_lies_beyond_the_part_of_a_file_that_is_read_is_told(
    tmp_path: Path,
) -> None:
    report = scan(tmp_path, {"big": bytes(2_000_000)}, limits=Limits(kept=1024**2))

    left = told(report, Category.TROJANS)
    assert "What 1 files contain after their first 1 MB" in left
