"""The advisory store: what it takes from OSV documents, and what it answers."""

import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from quota.models import Advisory
from quota.services import advising
from quota.services.advising import AdvisoriesUnavailable, StoredAdvisories

pytestmark = pytest.mark.django_db


def document(identifier: str = "PYSEC-1", **changes: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": "2.0"}]
    return {
        "id": identifier,
        "aliases": ["GHSA-1", "CVE-2026-1"],
        "modified": "2026-11-02T10:00:00Z",
        "summary": "Too much trust",
        "severity": [
            {
                "type": "CVSS_V3",
                "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            }
        ],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "Some_Package"},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    } | changes


def affected(ecosystem: str = "PyPI", name: str = "a", **more: Any) -> dict[str, Any]:
    return {"package": {"ecosystem": ecosystem, "name": name}} | more


def sync(folder: Path, *documents: dict[str, Any]) -> advising.Figures:
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for number, each in enumerate(documents):
            archive.writestr(f"{number}.json", json.dumps(each))
    return advising.sync_folder(folder)


def test_a_document_becomes_a_range_under_its_cve(tmp_path: Path) -> None:
    figures = sync(tmp_path, document())

    row = Advisory.objects.get()
    assert (row.ecosystem, row.package) == ("PyPI", "some-package")
    assert (row.identifier, row.introduced, row.fixed) == ("CVE-2026-1", "0", "2.0")
    assert (row.severity, row.modified_on) == ("critical", date(2026, 11, 2))
    assert (figures.documents, figures.ranges, figures.broken) == (1, 1, [])


def test_syncing_again_changes_nothing(tmp_path: Path) -> None:
    sync(tmp_path, document())

    sync(tmp_path, document())

    assert Advisory.objects.count() == 1


@pytest.mark.parametrize(
    "changes", [{"withdrawn": "2026-11-03T00:00:00Z"}, {"affected": []}]
)
def test_what_a_document_no_longer_says_is_forgotten(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    sync(tmp_path, document())

    sync(tmp_path, document(**changes))

    assert not Advisory.objects.exists()


def test_a_document_without_versions_affects_nothing(tmp_path: Path) -> None:
    git = [{"type": "GIT", "events": [{"introduced": "0"}]}]

    sync(tmp_path, document(affected=[affected(ranges=git)]))

    assert not Advisory.objects.exists()


def test_long_term_releases_of_ubuntu_go_by_their_number(tmp_path: Path) -> None:
    rows = [affected("Ubuntu:22.04:LTS", "openssl", versions=["3.0.2-0ubuntu1"])]

    sync(tmp_path, document(affected=rows))

    assert Advisory.objects.get().ecosystem == "Ubuntu:22.04"


@pytest.mark.parametrize(
    "changes",
    [
        {"modified": "never"},
        {"summary": "null \0 character"},
        {"id": "X" * 65},
        {"affected": [affected(name="a" * 201, versions=["1"])]},
        {"affected": [affected(versions=["1" * 101])]},
        {"affected": "nonsense"},
    ],
)
def test_a_broken_document_is_told_and_the_rest_is_taken(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    figures = sync(tmp_path, document(**changes), document("PYSEC-2"))

    assert figures.broken == ["0.json"]
    assert [row.advisory for row in Advisory.objects.all()] == ["PYSEC-2"]


def test_an_unreadable_score_is_no_severity_and_no_reason_to_drop(
    tmp_path: Path,
) -> None:
    scores = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/nonsense"}]

    sync(tmp_path, document(severity=scores))

    assert Advisory.objects.get().severity == "unknown"


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"no zip")

    with pytest.raises(AdvisoriesUnavailable, match="not a readable zip"):
        advising.sync_folder(tmp_path)


def test_the_starter_set_is_large_and_loaded_once() -> None:
    loaded = advising.load_starter()

    again = advising.load_starter()

    assert loaded >= 500
    assert again == 0
    assert Advisory.objects.count() == loaded


def test_each_ecosystem_says_whether_it_is_only_the_starter_set(
    tmp_path: Path,
) -> None:
    advising.load_starter()
    sync(tmp_path, document())

    held = StoredAdvisories().holdings(["PyPI", "Debian:12", "Alpine:v3.20"])

    assert held.keys() == {"PyPI", "Debian:12"}
    assert not held["PyPI"].is_starter_set
    assert held["Debian:12"].is_starter_set
    assert held["PyPI"].data_date == date(2026, 11, 2)


def test_all_packages_of_an_image_are_one_query(tmp_path: Path) -> None:
    other = affected("npm", "lodash", versions=["4.17.9"])
    sync(tmp_path, document(), document("GHSA-2", affected=[other]))
    names = {
        "PyPI": frozenset({"some-package", "unknown"}),
        "npm": frozenset({"lodash"}),
    }

    with CaptureQueriesContext(connection) as queries:
        found = StoredAdvisories().affecting(names)

    assert len(queries) == 1
    assert found.keys() == {("PyPI", "some-package"), ("npm", "lodash")}
    assert found["npm", "lodash"][0].versions == ("4.17.9",)
