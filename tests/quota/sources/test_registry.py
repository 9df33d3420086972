"""Reading registries: the real one with and without login and TLS, and bad ones."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quota.sources.content import FoundImage, Pullable, SourceError
from quota.sources.distribution import Access, CatalogueRefused, Denied
from quota.sources.login import LoginFailed
from quota.sources.opened import digest_of
from quota.sources.reach import Reach, RegistryFailure
from quota.sources.registry import RegistrySource
from tcss_billing.demo.images import write_image
from tests.registries.hostile import (
    Answer,
    Handler,
    Registry,
    body,
    closed_port,
    document,
    drip,
    endless,
    garbage,
    hang,
    hostile_registry,
    layer_of,
    status,
)
from tests.registries.real import RealRegistry, real_registry, token_service

FILES = {"etc/os-release": b"ID=debian\n"}


@pytest.fixture
def hostile() -> Iterator[Registry]:
    with hostile_registry() as registry:
        yield registry


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


def blob_path(content: bytes) -> str:
    return f"/v2/team/app/blobs/{digest_of(content)}"


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (garbage, "does not answer as a web server"),
        (status(404), "does not answer as a registry"),
        (status(503), "in trouble"),
        (status(429), "slow down"),
        (status(301, Location="https://elsewhere.example/v2/"), "sends us on"),
        (status(401), "asks for a login"),
    ],
)
def test_what_is_no_registry_is_told_in_words(
    hostile: Registry, answer: Answer, words: str
) -> None:
    hostile.answers["/v2/"] = answer

    with pytest.raises(RegistryFailure, match=words) as told:
        reading(hostile.access()).check()

    assert told.value.remedy


@pytest.mark.parametrize("answer", [hang, drip])
def test_a_registry_that_hangs_or_drips_is_left_when_time_is_up(
    hostile: Registry, answer: Answer
) -> None:
    hostile.answers["/v2/"] = answer
    begun = time.monotonic()

    with pytest.raises(RegistryFailure, match="did not answer in time"):
        reading(hostile.access(), seconds_left=lambda: 0.5).check()

    assert time.monotonic() - begun < 5


def test_a_catalogue_that_is_not_listed_is_told_apart_from_a_wrong_password(
    hostile: Registry,
) -> None:
    hostile.answers["/v2/_catalog"] = status(403)
    with pytest.raises(CatalogueRefused, match="does not list its repositories"):
        reading(hostile.access()).check()

    hostile.answers["/v2/team/app/tags/list"] = document({"tags": ["1.0"]})
    reading(hostile.access(), ["team/app"]).check()
    with pytest.raises(RegistryFailure, match="repository team/gone is not there"):
        reading(hostile.access(), ["team/gone"]).check()


def test_a_manifest_of_100_mb_is_refused_after_4(hostile: Registry) -> None:
    hostile.holds()
    hostile.answers["/v2/team/app/manifests/1.0"] = endless(100)

    with pytest.raises(SourceError, match="larger than an image needs"):
        everything(reading(hostile.access()))


def test_a_layer_that_lies_about_its_digest_is_refused(hostile: Registry) -> None:
    stored, plain = layer_of(("etc/v", b"1"))
    hostile.holds(layers=((stored, plain),))
    source = reading(hostile.access())
    (image,) = everything(source)
    other, _ = layer_of(("etc/v", b"2"))
    hostile.answers[blob_path(stored)] = body(other[: len(stored)])

    with (
        source.open(f"team/app@{image.locator}") as content,
        pytest.raises(SourceError, match="does not match its digest"),
        content.layers[0].open() as layer,
    ):
        layer.read()


def test_a_layer_longer_than_its_manifest_says_is_cut_off(hostile: Registry) -> None:
    stored, plain = layer_of(("etc/v", b"1"))
    hostile.holds(layers=((stored, plain),))
    source = reading(hostile.access())
    (image,) = everything(source)
    hostile.answers[blob_path(stored)] = endless(64, "application/octet-stream")

    with (
        source.open(f"team/app@{image.locator}") as content,
        pytest.raises(SourceError, match="larger than its manifest says"),
        content.layers[0].open() as layer,
    ):
        layer.read()


def test_a_config_or_manifest_that_lies_about_its_digest_is_refused(
    hostile: Registry,
) -> None:
    digest = hostile.holds()
    hostile.answers[f"/v2/team/app/blobs/{digest}"] = document({"os": "other"})
    with pytest.raises(SourceError, match="config does not match"):
        everything(reading(hostile.access()))

    hostile.holds()
    false = {"Docker-Content-Digest": "sha256:" + "0" * 64}
    hostile.answers["/v2/team/app/manifests/1.0"] = document(
        {"mediaType": "application/vnd.oci.image.manifest.v1+json"}, headers=false
    )
    with pytest.raises(SourceError, match="manifest does not match"):
        everything(reading(hostile.access()))


def test_a_redirected_layer_is_followed_without_the_login(hostile: Registry) -> None:
    stored, plain = layer_of(("etc/v", b"1"))
    hostile.holds(layers=((stored, plain),))
    source = reading(hostile.access(username="reader", password="letmein"))
    hostile.answers["/v2/"] = body(b"{}")
    (image,) = everything(source)
    with hostile_registry() as store:
        store.answers["/there"] = body(stored)
        hostile.answers[blob_path(stored)] = _basic_then(
            status(307, Location=f"{store.address}/there")
        )
        with (
            source.open(f"team/app@{image.locator}") as content,
            content.layers[0].open() as layer,
        ):
            assert b"etc/v" in layer.read()

        ((_, _, headers),) = store.asked
    assert "Authorization" not in headers
    sent = [headers for _, path, headers in hostile.asked if "blobs" in path]
    assert any("Authorization" in headers for headers in sent)


def _basic_then(answer: Answer) -> Answer:
    def challenged(handler: Handler) -> None:
        if handler.headers["Authorization"]:
            answer(handler)
        else:
            status(401, WWW_Authenticate='Basic realm="x"')(handler)

    return challenged


def test_a_redirected_layer_cannot_lead_to_an_address_out_of_bounds(
    hostile: Registry,
) -> None:
    stored, plain = layer_of(("etc/v", b"1"))
    hostile.holds(layers=((stored, plain),))
    source = reading(hostile.access())
    (image,) = everything(source)
    hostile.answers[blob_path(stored)] = status(
        307, Location="http://169.254.169.254/latest/meta-data"
    )

    with (
        source.open(f"team/app@{image.locator}") as content,
        pytest.raises(SourceError, match="not allowed here"),
        content.layers[0].open() as layer,
    ):
        layer.read()


def test_a_manifest_is_not_followed_to_another_place(hostile: Registry) -> None:
    hostile.holds()
    hostile.answers["/v2/team/app/manifests/1.0"] = status(
        302, Location=f"{hostile.address}/v2/"
    )

    with pytest.raises(RegistryFailure, match="sends us on"):
        everything(reading(hostile.access()))


def test_a_list_that_never_ends_or_leads_away_is_refused(hostile: Registry) -> None:
    for link, words in (
        ('</v2/_catalog?n=500>; rel="next"', "does not end"),
        ('<http://elsewhere.example/v2/_catalog>; rel="next"', "at another host"),
    ):
        hostile.answers["/v2/_catalog"] = document(
            {"repositories": ["a"]}, headers={"Link": link}
        )
        with pytest.raises(SourceError, match=words):
            list(reading(hostile.access()).repositories())


def test_names_that_no_repository_can_have_are_passed_over(hostile: Registry) -> None:
    hostile.answers["/v2/_catalog"] = document(
        {"repositories": ["team/app", "../../etc", "Team/App", "a?b", "x" * 300, ""]}
    )

    pages = list(reading(hostile.access()).repositories())

    assert pages == [["team/app"]]


def test_a_repository_that_is_refused_does_not_stop_the_rest(
    hostile: Registry,
) -> None:
    hostile.answers["/v2/team/app/tags/list"] = status(403)

    with pytest.raises(Denied, match="Give the user the right"):
        list(reading(hostile.access()).tagged("team/app", {}))
