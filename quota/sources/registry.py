"""Images of a registry: what its tags name, and an image opened for scanning."""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from quota.sources.content import FoundImage, Pull, SourceError, platforms_told
from quota.sources.distribution import (
    LARGEST_DOCUMENT,
    Access,
    Distribution,
    Gone,
    Manifest,
    is_repository,
)
from quota.sources.layers import LARGEST_LAYER
from quota.sources.oci import (
    CONFIG_TYPES,
    MOST_LAYERS,
    Walk,
    checked_digest,
    document,
    facts,
    items,
    opened_image,
    part,
    stored_size,
)
from quota.sources.opened import LARGEST_IMAGE, OpenedImage
from quota.sources.reach import RegistryFailure

AT = "@"
MOST_REMEMBERED = 2_000


class Way(NamedTuple):
    """Where an engine of its own pulls, and what it signs in with for so long."""

    url: str
    authorization: str


# Makes a way to the one manifest of a repository that has this digest.
Door = Callable[[str, str], Way]


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a tag names: the images of one platform each. ``images`` is None where the
    tag still names what is known already."""

    tag: str
    digest: str
    images: Sequence[FoundImage] | None


class _Manifests:
    """The manifests of one repository as files, for the walk through an index."""

    def __init__(self, client: Distribution, repository: str) -> None:
        self._client = client
        self._repository = repository

    def open(self, name: str) -> BinaryIO:
        """Open ``blobs/sha256/…``: here, an index in an index."""
        digest = checked_digest("sha256:" + name.rpartition("/")[2])
        return io.BytesIO(self._client.manifest(self._repository, digest).content)


class RegistrySource:
    """One connected registry. A repository that cannot be read does not hide others."""

    def __init__(
        self,
        access: Access,
        only: Sequence[str] = (),
        *,
        seconds_left: Callable[[], float] = lambda: 86_400.0,
        before_pull: Callable[[], object] = lambda: None,
        door: Door | None = None,
    ) -> None:
        self._door = door
        self.client = Distribution(
            access, seconds_left=seconds_left, before_pull=before_pull
        )
        self._named = sorted(entry for entry in only if not entry.endswith("/"))
        self._namespaces = tuple(entry for entry in only if entry.endswith("/"))
        self._read: dict[str, Sequence[FoundImage]] = {}

    def close(self) -> None:
        """Hang up."""
        self.client.close()

    def check(self) -> None:
        """Find out whether images could be listed. Refuses (SourceError) in words."""
        self.client.ping()
        if self._named:
            self._check_repository(self._named[0])
        if not self._named or self._namespaces:
            next(self.client.repositories(), None)

    def _check_repository(self, name: str) -> None:
        try:
            next(self.client.tags(name), None)
        except Gone as gone:
            raise RegistryFailure(
                f"The repository {name} is not there.", "Check its name."
            ) from gone

    def repositories(self, after: str = "") -> Iterator[Sequence[str]]:
        """The repositories to read, in pages; those after ``after`` in their order."""
        if self._named:
            yield [name for name in self._named if name > after]
        if self._named and not self._namespaces:
            return
        listed = self._named if self._named else ()
        # Named repositories come first and are not repeated; a cursor among them does
        # not say how far the catalogue was read.
        start = "" if after in listed else after
        for page in self.client.repositories(start):
            yield [
                name
                for name in page
                if is_repository(name) and self._wanted(name) and name not in listed
            ]

    def _wanted(self, name: str) -> bool:
        return not self._namespaces or name.startswith(self._namespaces)

    def tagged(self, repository: str, known: Mapping[str, str]) -> Iterator[Tagged]:
        """Every tag of a repository; those that still name what ``known`` says are
        only looked at, not pulled."""
        self._read.clear()
        for tag in self.client.tags(repository):
            if known.get(tag):
                digest = self.client.digest(repository, tag)
                if digest == known[tag]:
                    yield Tagged(tag, digest, None)
                    continue
            try:
                yield self._named_by(repository, tag)
            except Gone:
                continue

    def _named_by(self, repository: str, tag: str) -> Tagged:
        manifest = self.client.manifest(repository, tag)
        images = self._images(repository, manifest)
        renamed = [replace(each, tag=tag) for each in images]
        return Tagged(tag, manifest.digest, renamed)

    def _images(self, repository: str, manifest: Manifest) -> Sequence[FoundImage]:
        """The images of a manifest, read once however many tags name it. Few of them
        are remembered: an index may list thousands."""
        if manifest.digest in self._read:
            return self._read[manifest.digest]
        found = platforms_told(list(self._found(repository, manifest)))
        if len(self._read) < MOST_REMEMBERED and len(found) <= MOST_REMEMBERED // 100:
            self._read[manifest.digest] = found
        return found

    def _found(self, repository: str, manifest: Manifest) -> Iterator[FoundImage]:
        if not manifest.is_index:
            found = self._image(repository, manifest)
            if found:
                yield found
            return
        problems: list[str] = []
        blobs = _Manifests(self.client, repository)
        for entry, _ in Walk(blobs, problems.append).images(manifest.body):
            digest = checked_digest(entry.get("digest"))
            found = self._image(repository, self.client.manifest(repository, digest))
            if found:
                yield found
        if problems:
            raise SourceError(problems[0])

    def _image(self, repository: str, manifest: Manifest) -> FoundImage | None:
        """One image; None where the manifest describes a chart or a signature."""
        described = part(manifest.body, "config")
        if described.get("mediaType") not in CONFIG_TYPES or manifest.body.get(
            "artifactType"
        ):
            return None
        digest = checked_digest(described.get("digest"))
        config = document(
            self.client.blob(repository, digest, LARGEST_DOCUMENT), "config"
        )
        about = facts(config, digest, stored_size(manifest.body))
        return FoundImage(about, repository, "", manifest.digest)

    @contextmanager
    def open(self, locator: str) -> Iterator["RegistryImage"]:
        """Open ``repository@manifest digest``. Layers are streamed to a temporary
        folder when they are read, and gone with it."""
        repository, _, digest = locator.partition(AT)
        if not is_repository(repository):
            raise SourceError("The image's place is not known. Sync registries.")
        manifest = self.client.manifest(repository, checked_digest(digest))
        with tempfile.TemporaryDirectory(prefix="tcss-image-") as folder:
            blobs = _Pulled(self.client, repository, manifest, Path(folder))
            image = opened_image(blobs, manifest.body)
            if image is None:
                raise SourceError("This is no longer an image. Sync registries.")
            yield RegistryImage(image, self.client, repository, manifest, self._door)


def sizes_of(manifest: Manifest) -> dict[str, int]:
    """The sizes of an image's layers and config, but for those larger than allowed."""
    listed = items(manifest.body, "layers", dict, MOST_LAYERS)
    told = {
        checked_digest(each.get("digest")): each.get("size")
        for each in (*listed, part(manifest.body, "config"))
    }
    return {
        digest: size
        for digest, size in told.items()
        if type(size) is int and 0 <= size <= LARGEST_LAYER
    }


class _Pulled:
    """The blobs of one image, downloaded as they are asked for, within its limits."""

    def __init__(
        self, client: Distribution, repository: str, manifest: Manifest, folder: Path
    ) -> None:
        self._client = client
        self._repository = repository
        self._folder = folder
        self._left = LARGEST_IMAGE
        self._sizes = sizes_of(manifest)

    def open(self, name: str) -> BinaryIO:
        """Open ``blobs/sha256/…``."""
        digest = checked_digest("sha256:" + name.rpartition("/")[2])
        path = self._folder / digest[7:]
        if not path.exists():
            self._download(digest, path)
        return path.open("rb")

    def _download(self, digest: str, path: Path) -> None:
        size = self._sizes.get(digest)
        if size is None:
            raise SourceError(
                "A layer is larger than allowed. Build the image in smaller layers."
            )
        self._left -= size
        if self._left < 0:
            raise SourceError("The image is larger than allowed. Make it smaller.")
        partly = path.with_suffix(".part")
        with (
            partly.open("wb") as file,
            self._client.streamed(self._repository, digest, size) as chunks,
        ):
            for chunk in chunks:
                _write(file, chunk)
        partly.rename(path)


def _write(file: BinaryIO, chunk: bytes) -> None:
    """A full disk is this machine's fault, not the registry's."""
    try:
        file.write(chunk)
    except OSError as error:
        raise SourceError(
            "There is no room here to unpack the image. Tell your administrator."
        ) from error


@dataclass(frozen=True, slots=True)
class RegistryImage:
    """An opened image that can also be pulled by an engine of its own."""

    image: OpenedImage
    _client: Distribution
    _repository: str
    _manifest: Manifest
    _door: Door | None = None

    @property
    def digest(self) -> str:
        """The image ID."""
        return self.image.digest

    @property
    def config(self) -> Mapping[str, Any]:
        """The config the image ID is the digest of."""
        return self.image.config

    @property
    def layers(self) -> Sequence[Any]:
        """The layers, lowest first."""
        return self.image.layers

    def write_layout(self, folder: Path) -> None:
        """Write an OCI layout of this one image."""
        self.image.write_layout(folder)

    def pull(self) -> Pull:
        """Where to pull it from, with an authorization made for this one call.

        A registry without tokens has only the customer's own password, which no engine
        is given: there it pulls through a door of ours, if there is one. Refuses
        (SourceError) otherwise.
        """
        digest = self._manifest.digest
        way = Way(self._client.address, self._client.authorization(self._repository))
        if way.authorization.startswith("Basic "):
            if self._door is None:
                raise SourceError(
                    "The registry has no short-lived login to hand on. Use another"
                    " scan engine for it."
                )
            way = self._door(self._repository, digest)
        return Pull(
            url=way.url,
            repository=self._repository,
            digest=digest,
            media_type=self._manifest.media_type,
            authorization=way.authorization,
        )
