"""Reading the real registry: with and without login, TLS and tokens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quota.sources.content import FoundImage, Pullable, SourceError
from quota.sources.distribution import Access
from quota.sources.login import LoginFailed
from quota.sources.reach import Reach, RegistryFailure
from quota.sources.registry import RegistrySource, Way
from tcss_billing.demo.images import write_image
from tests.registries.hostile import (
    closed_port,
)
from tests.registries.real import RealRegistry, real_registry, token_service

FILES = {"etc/os-release": b"ID=debian\n"}


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases for amd64, and the second for arm64."""
    folder = tmp_path_factory.mktemp("layout")
    write_image(folder, tag="1.0", layers=[FILES, {"etc/v": b"1"}])
    write_image(folder, tag="2.0", layers=[FILES, {"etc/v": b"2"}])
    write_image(folder, tag="2.0-arm", layers=[FILES], architecture="arm64")
    return folder


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, layout: Path
) -> Iterator[RealRegistry]:
    with real_registry(tmp_path_factory.mktemp("plain")) as registry:
        for tag in ("1.0", "2.0", "2.0-arm"):
            registry.push(layout, tag, f"team/app:{tag}")
        registry.push(layout, "2.0", "team/app:also-2.0")
        registry.push(layout, "1.0", "other/docker:1.0", "--format", "v2s2")
        registry.put_index(
            "team/app",
            "multi",
            [
                {
                    **registry.manifest("team/app", "2.0"),
                    "platform": {"os": "linux", "architecture": "amd64"},
                },
                {
                    **registry.manifest("team/app", "2.0-arm"),
                    "platform": {"os": "linux", "architecture": "arm64"},
                },
                {
                    **registry.manifest("team/app", "1.0"),
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {
                        "vnd.docker.reference.type": "attestation-manifest"
                    },
                },
            ],
        )
        yield registry


OPENED: list[RegistrySource] = []


def reading(*arguments: Any, **options: Any) -> RegistrySource:
    """A source that is closed after the test."""
    OPENED.append(RegistrySource(*arguments, **options))
    return OPENED[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def everything(source: RegistrySource) -> list[FoundImage]:
    return [
        image
        for page in source.repositories()
        for repository in page
        for tagged in source.tagged(repository, {})
        for image in tagged.images or ()
    ]


def listed(source: RegistrySource) -> set[tuple[str, str, str]]:
    found = everything(source)
    for image in found:
        is_other = (image.tag, image.facts.architecture) == ("multi", "arm64")
        assert image.is_other_platform is is_other
    return {(image.name, image.tag, image.facts.platform) for image in found}


def test_the_real_registry_is_listed_one_image_a_platform(
    plain: RealRegistry,
) -> None:
    assert listed(reading(plain.access())) == {
        ("other/docker", "1.0", "linux/amd64"),
        ("team/app", "1.0", "linux/amd64"),
        ("team/app", "2.0", "linux/amd64"),
        ("team/app", "also-2.0", "linux/amd64"),
        ("team/app", "2.0-arm", "linux/arm64"),
        ("team/app", "multi", "linux/amd64"),
        ("team/app", "multi", "linux/arm64"),
    }


def test_the_image_id_is_the_configs_digest_whatever_the_tag_or_format(
    plain: RealRegistry, layout: Path
) -> None:
    found = everything(reading(plain.access()))
    of = {(image.name, image.tag): image.facts.digest for image in found}

    assert of["team/app", "2.0"] == of["team/app", "also-2.0"]
    local = {path.name for path in (layout / "blobs" / "sha256").iterdir()}
    assert of["team/app", "2.0"][7:] in local


def test_the_catalogue_is_read_in_pages(
    plain: RealRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quota.sources.distribution.PAGE", 1)

    pages = list(reading(plain.access()).repositories())
    resumed = list(reading(plain.access()).repositories("other/docker"))

    assert [name for page in pages for name in page] == ["other/docker", "team/app"]
    assert len(pages) >= 2
    assert [name for page in resumed for name in page] == ["team/app"]


def test_only_the_namespaces_and_repositories_that_were_named_are_read(
    plain: RealRegistry,
) -> None:
    def names(*only: str) -> list[str]:
        pages = reading(plain.access(), only).repositories()
        return [name for page in pages for name in page]

    assert names("team/") == ["team/app"]
    assert names("other/docker") == ["other/docker"]
    assert names("other/docker", "team/") == ["other/docker", "team/app"]


def test_a_tag_that_names_what_is_known_is_not_pulled(plain: RealRegistry) -> None:
    source = reading(plain.access())
    known = {each.tag: each.digest for each in source.tagged("team/app", {})}
    pulls: list[int] = []
    again = reading(plain.access(), before_pull=lambda: pulls.append(1))

    found = list(again.tagged("team/app", {**known, "1.0": "sha256:" + "0" * 64}))

    assert {each.tag for each in found if each.images is None} == set(known) - {"1.0"}
    assert len(pulls) == 1


def test_an_image_is_opened_and_its_layers_can_be_read(plain: RealRegistry) -> None:
    source = reading(plain.access())
    image = next(each for each in everything(source) if each.tag == "2.0")

    with source.open(f"team/app@{image.locator}") as content:
        assert content.digest == image.facts.digest
        with content.layers[-1].open() as layer:
            assert b"etc/v" in layer.read()
        assert isinstance(content, Pullable)
        pull = content.pull()

    assert (pull.url, pull.repository) == (plain.address, "team/app")
    assert (pull.digest, pull.authorization) == (image.locator, "")


def test_login_and_tls(tmp_path: Path, layout: Path) -> None:
    with real_registry(tmp_path, login=True, tls=True) as registry:
        registry.push(layout, "1.0", "team/app:1.0")

        reading(registry.access()).check()
        assert len(everything(reading(registry.access()))) == 1
        unchecked = registry.access(ca="", verify=False)
        assert len(everything(reading(unchecked))) == 1
        with pytest.raises(RegistryFailure, match="is not trusted"):
            reading(registry.access(ca="")).check()
        with pytest.raises(LoginFailed, match="refused the username or password"):
            reading(registry.access(password="wrong")).check()
        with pytest.raises(LoginFailed, match="asks for a login"):
            reading(registry.access(username="")).check()


def test_a_password_is_handed_on_to_no_engine(tmp_path: Path, layout: Path) -> None:
    with real_registry(tmp_path, login=True) as registry:
        registry.push(layout, "1.0", "team/app:1.0")
        asked: list[tuple[str, str]] = []

        def door(*image: str) -> Way:
            asked.append((image[0], image[1]))
            return Way("https://console.example", "Basic ticket")

        without = reading(registry.access())
        through = reading(registry.access(), door=door)
        (image,) = everything(without)

        with (
            without.open(f"team/app@{image.locator}") as content,
            pytest.raises(SourceError, match="no short-lived login"),
        ):
            content.pull()
        with through.open(f"team/app@{image.locator}") as content:
            pull = content.pull()

    assert (pull.url, pull.authorization) == ("https://console.example", "Basic ticket")
    assert asked == [("team/app", image.locator)]


def test_a_token_service_lets_in_whom_it_knows(tmp_path: Path, layout: Path) -> None:
    with (
        token_service(tmp_path) as tokens,
        real_registry(tmp_path, tokens=tokens) as registry,
    ):
        registry.push(layout, "1.0", "team/app:1.0")
        source = reading(registry.access())

        source.check()
        (image,) = everything(source)
        with source.open(f"team/app@{image.locator}") as content:
            authorization = content.pull().authorization

        assert authorization.startswith("Bearer ")
        assert "letmein" not in repr(source.client._login) + repr(registry.access())
        with pytest.raises(LoginFailed, match="refused the username or password"):
            reading(registry.access(password="wrong")).check()


def test_a_name_that_is_not_known_and_a_port_that_refuses_are_told() -> None:
    private = Reach(private=True)
    for address, words in (
        ("https://registry.invalid", "not known"),
        (f"http://127.0.0.1:{closed_port()}", "refused the connection"),
    ):
        with pytest.raises(RegistryFailure, match=words):
            reading(Access(address, reach=private)).check()
