"""The demo's own registry, read as any other."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from quota.sources.distribution import Access
from quota.sources.login import LoginFailed
from quota.sources.registry import RegistrySource
from tcss_billing.demo import registries
from tcss_billing.demo.registry import USER, server
from tests.registries.real import PRIVATE


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    registries.fill(tmp_path / "demo")
    made = server(0, [tmp_path / "demo"], "s3cret")
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_it_lists_what_was_pushed_and_hands_it_out(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quota.sources.distribution.PAGE", 2)
    access = Access(address, USER, "s3cret", reach=PRIVATE)

    with closing(RegistrySource(access)) as source:
        source.check()
        found = [
            image
            for page in source.repositories()
            for name in page
            for tagged in source.tagged(name, {})
            for image in tagged.images or ()
        ]
        with source.open(f"{found[0].name}@{found[0].locator}") as content:
            for layer in content.layers:
                with layer.open() as tar:
                    assert tar.read()

    assert {image.name for image in found} == set(registries.PUSHED)
    login = {
        i.tag: i.facts.digest
        for i in found
        if i.name == "identity/login" and i.is_default_platform
    }
    assert len(login) == 3
    assert len(set(login.values())) == 1
    for_arm = [i for i in found if i.is_other_platform]
    assert {i.name for i in for_arm} == registries.ALSO_ARM
    assert {i.facts.platform for i in for_arm} == {"linux/arm64"}


def test_it_lets_nobody_in_without_its_password(address: str) -> None:
    access = Access(address, USER, "wrong", reach=PRIVATE)

    with closing(RegistrySource(access)) as source, pytest.raises(LoginFailed):
        source.check()
