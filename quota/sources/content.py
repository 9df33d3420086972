"""What a source of images offers, and what an opened image is. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

DEFAULT_PLATFORM = "linux/amd64"


class SourceError(Exception):
    """A source or image cannot be read; ``str()`` says what is wrong and what to do.

    It may quote an image, so what cannot be stored or shown is left out of it.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def printable(text: str) -> str:
    """Leave out what cannot be shown, or turns what stands beside it around.

    >>> printable("a\\0b\\ud800c")
    'abc'
    """
    if text.isprintable():
        return text
    return "".join(each for each in text if each.isprintable())


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image says of itself. ``digest`` is the image ID: the config digest."""

    digest: str
    os: str
    architecture: str
    variant: str
    created_at: datetime | None
    size: int

    @property
    def platform(self) -> str:
        """``linux/amd64``, ``linux/arm/v7``."""
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image under one name and tag. ``locator`` lets its source open it again.

    ``is_other_platform``: the same name and tag also mean an image for linux/amd64,
    which is selected in its place by default (rules 5.1).
    """

    facts: ImageFacts
    name: str
    tag: str
    locator: str
    containers: int = 0
    is_other_platform: bool = False

    @property
    def is_default_platform(self) -> bool:
        """Whether it is for linux/amd64, of whatever variant."""
        return f"{self.facts.platform}/".startswith(f"{DEFAULT_PLATFORM}/")


def platforms_told(found: Sequence[FoundImage]) -> list[FoundImage]:
    """These images of one place, each saying whether it is another platform's. Where a
    name and tag mean no image for linux/amd64, none is."""
    usual = {(each.name, each.tag) for each in found if each.is_default_platform}
    return [
        replace(
            each,
            is_other_platform=not each.is_default_platform
            and (each.name, each.tag) in usual,
        )
        for each in found
    ]


class Layer(Protocol):
    """One layer of an image."""

    @property
    def digest(self) -> str:
        """The digest of the bytes as stored."""
        ...

    def open(self) -> AbstractContextManager[BinaryIO]:
        """The uncompressed tar, limited in size; its digest is verified at the end."""
        ...


class ImageContent(Protocol):
    """An opened image: its config and its layers, lowest first."""

    @property
    def digest(self) -> str:
        """The image ID."""
        ...

    @property
    def config(self) -> Mapping[str, Any]:
        """The config the image ID is the digest of."""
        ...

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers, lowest first."""
        ...

    def write_layout(self, folder: Path) -> None:
        """Write an OCI layout of this one image, for engines that want a path."""
        ...


@dataclass(frozen=True, slots=True)
class Pull:
    """Where an engine can pull an image by itself. ``digest`` and ``media_type`` are
    the manifest's; ``authorization`` is a short-lived value of the HTTP header of that
    name, empty where the registry asks for none."""

    url: str
    repository: str
    digest: str
    media_type: str
    authorization: str = field(default="", repr=False)


@runtime_checkable
class Pullable(Protocol):
    """An opened image that is in a registry."""

    def pull(self) -> Pull:
        """Where to pull it from, with an authorization made for this one call."""
        ...


class Source(Protocol):
    """A place where images are. ``problems`` says what could not be read."""

    problems: list[str]

    def find(self) -> Iterator[FoundImage]:
        """Every image there is; broken ones are left out and told in ``problems``."""
        ...

    def open(self, locator: str) -> AbstractContextManager[ImageContent]:
        """Open an image for scanning."""
        ...
