"""A registry of very many repositories, each answer made when it is asked for."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from quota.sources.opened import digest_of
from tests.registries.hostile import (
    MANIFEST,
    Answer,
    Registry,
    body,
    catalogue,
    document,
    hostile_registry,
)

TAGS = ("1.0", "1.1", "latest")
PATH = re.compile(r"/v2/team-\d+/app-(\d+)/(tags|manifests|blobs)/(.+)")


def names_of(count: int) -> list[str]:
    """The repositories, in a few dozen namespaces."""
    return [f"team-{number % 37:02}/app-{number:05}" for number in range(count)]


def config_of(number: int, tag: str) -> bytes:
    """The config of one image; no two are alike."""
    about = {
        "os": "linux",
        "architecture": "amd64",
        "author": f"{number}:{tag}",
        "created": f"2026-10-{1 + TAGS.index(tag):02}T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    return json.dumps(about).encode()


def manifest_of(number: int, tag: str) -> bytes:
    """The manifest of one image."""
    config = config_of(number, tag)
    kind = "application/vnd.oci.image.config.v1+json"
    described = {"mediaType": kind, "digest": digest_of(config), "size": len(config)}
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described,
            "layers": [],
        }
    ).encode()


class _Made(dict[str, Answer]):
    """Answers that are nowhere kept."""

    def get(self, path: str, default: object = None) -> Answer | None:  # type: ignore[override]
        if path in self:
            return self[path]
        match = PATH.fullmatch(path)
        if not match:
            return None
        number, what, which = int(match[1]), match[2], match[3]
        if what == "tags":
            return document({"tags": list(TAGS)})
        for tag in TAGS:
            manifest, config = manifest_of(number, tag), config_of(number, tag)
            if which in {tag, digest_of(manifest)}:
                told = {"Docker-Content-Digest": digest_of(manifest)}
                return body(manifest, MANIFEST, headers=told)
            if which == digest_of(config):
                return body(config)
        return None


class _Forgets(list[tuple[str, str, object]]):
    """Remembers no request: there are too many."""

    def append(self, _: object) -> None:
        """Nothing."""


@contextmanager
def many_repositories(count: int) -> Iterator[Registry]:
    """Run a registry of ``count`` repositories with three tags each."""
    with hostile_registry() as registry:
        registry.answers = _Made(registry.answers)
        registry.answers["/v2/_catalog"] = catalogue(names_of(count))
        registry.asked = _Forgets()  # type: ignore[assignment]
        yield registry
