"""Registries that hang, lie, or lead away: refused in words, within limits."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from quota.sources.content import FoundImage, SourceError
from quota.sources.distribution import CatalogueRefused, Denied
from quota.sources.opened import digest_of
from quota.sources.reach import RegistryFailure
from quota.sources.registry import RegistrySource
from tests.registries.hostile import (
    Answer,
    Handler,
    Registry,
    body,
    document,
    drip,
    endless,
    garbage,
    hang,
    hostile_registry,
    layer_of,
    status,
)

FILES = {"etc/os-release": b"ID=debian\n"}


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


def _basic_then(answer: Answer) -> Answer:
    def challenged(handler: Handler) -> None:
        if handler.headers["Authorization"]:
            answer(handler)
        else:
            status(401, WWW_Authenticate='Basic realm="x"')(handler)

    return challenged


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
