"""A client of OCI Distribution, version 2: what a registry lists and what it holds.

The HTTP below it, and why it is our own, is in ``wire``.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urljoin, urlsplit

from quota.sources.content import SourceError
from quota.sources.login import Login, LoginFailed
from quota.sources.oci import INDEX_TYPES, Json, checked_digest, document
from quota.sources.opened import digest_of
from quota.sources.reach import Reach, RegistryFailure, origin
from quota.sources.wire import Answer, Wire, tls_context

LARGEST_DOCUMENT = 4 * 1024**2
LARGEST_PAGE = 16 * 1024**2
PAGE = 500
MOST_PAGES = 20_000
MOST_TAGS = 50_000
MOST_REDIRECTS = 3
TELL = " Tell whoever runs the registry."
# A blob may take this many seconds, and then as long as its size allows.
GRACE = 60.0
SLOWEST = 64 * 1024  # bytes a second
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    *INDEX_TYPES,
)
REDIRECTS = {301, 302, 303, 307, 308}
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*rel="?next"?')


class CatalogueRefused(RegistryFailure):
    """The registry does not list its repositories, or not to this user."""

    def __init__(self) -> None:
        super().__init__(
            "The registry does not list its repositories to this user.",
            "Enter the repositories to read by name, or a login that may list them.",
        )


class SlowDown(RegistryFailure):
    """The registry counts requests, and it has had enough for ``seconds``."""

    def __init__(self, host: str, told: str) -> None:
        super().__init__(
            f"{host} asks us to slow down.",
            "Set a lower pull limit, or try again later.",
            passing=True,
        )
        self.seconds = min(max(int(told), 60), 3_600) if told.isdecimal() else 600


class Gone(SourceError):
    """What was asked for is not there."""


class Denied(SourceError):
    """This user may not read one thing, though it may read others."""

    def __init__(self) -> None:
        super().__init__(
            "The registry refuses it to this user. Give the user the right to pull it."
        )


def is_repository(name: str) -> bool:
    """Whether a registry can have a repository of this name."""
    return len(name) <= 255 and REPOSITORY.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Access:
    """All that is needed to read a registry. ``password`` is in no repr."""

    address: str
    username: str = ""
    password: str = field(default="", repr=False)
    verify: bool = True
    ca: str = ""
    reach: Reach = field(default_factory=lambda: Reach(private=False))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or index, its digest computed by us."""

    digest: str
    media_type: str
    content: bytes
    body: Json

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests, one a platform."""
        return self.media_type in INDEX_TYPES


class Distribution:
    """One registry. ``before_pull`` is called ahead of every manifest that is read."""

    def __init__(
        self,
        access: Access,
        *,
        seconds_left: Callable[[], float] = lambda: 3_600.0,
        before_pull: Callable[[], object] = lambda: None,
    ) -> None:
        self.address = str(origin(access.address))
        self._origin = origin(access.address)
        self._base = access.address.rstrip("/")
        self._login = Login(self.address, access.username, access.password)
        tls = tls_context(verify=access.verify, ca=access.ca)
        self._wire = Wire(access.reach, tls, seconds_left)
        self._before_pull = before_pull

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def ping(self) -> None:
        """Ask whether this is a registry that lets us in. Refuses in words."""
        with self._ask("GET", "/v2/", scope="") as answer:
            answer.read(LARGEST_DOCUMENT, "registry's answer")
            if answer.status != 200:
                raise _unexpected(answer, self._origin.host)

    def repositories(self, after: str = "") -> Iterator[Sequence[str]]:
        """The names of all repositories, page by page, those after ``after``.

        Refuses (CatalogueRefused) where they are not listed to this user.
        """
        query = {"n": str(PAGE), **({"last": after} if after else {})}
        try:
            for page in self._pages("/v2/_catalog", query, "registry:catalog:*"):
                yield _names(page, "repositories")
        except (Gone, Denied, LoginFailed) as refused:
            # A wrong password is told as such; the door itself says which it is.
            self.ping()
            raise CatalogueRefused from refused

    def tags(self, repository: str) -> Iterator[str]:
        """The tags of a repository. Refuses more than can be meant."""
        path = f"/v2/{quote(repository)}/tags/list"
        count = 0
        for page in self._pages(path, {"n": str(PAGE)}, _pull(repository)):
            names = _names(page, "tags")
            count += len(names)
            if count > MOST_TAGS:
                raise SourceError(
                    f"It has more than {MOST_TAGS:,} tags. Delete old ones."
                )
            yield from (name for name in names if TAG.fullmatch(name))

    def digest(self, repository: str, tag: str) -> str:
        """What a tag names, asked without pulling it; empty if that is not told."""
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        path = f"/v2/{quote(repository)}/manifests/{quote(tag)}"
        with self._ask("HEAD", path, scope=_pull(repository), headers=headers) as found:
            if found.status == 404:
                raise Gone(f"The tag {tag} is not there any more. Sync registries.")
            told = found.headers.get("docker-content-digest", "")
        return told if re.fullmatch(r"sha256:[0-9a-f]{64}", told) else ""

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest by tag or digest. Refuses one that does not match its digest."""
        self._before_pull()
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        path = f"/v2/{quote(repository)}/manifests/{quote(reference, safe=':')}"
        with self._ask("GET", path, scope=_pull(repository), headers=headers) as answer:
            content = answer.read(LARGEST_DOCUMENT, "manifest")
            self._check(answer, f"The manifest {reference[:80]}")
        computed = digest_of(content)
        told = answer.headers.get("docker-content-digest", computed)
        wanted = reference if reference.startswith("sha256:") else computed
        if (told.startswith("sha256:") and told != computed) or wanted != computed:
            raise SourceError(
                "The manifest does not match its digest. Push the image again."
            )
        return _manifest(answer, computed, content)

    def blob(self, repository: str, digest: str, limit: int) -> bytes:
        """A small blob, its digest checked."""
        with self._opened(repository, digest, GRACE) as answer:
            content = answer.read(limit, "config")
        if digest_of(content) != digest:
            raise SourceError(
                "The config does not match its digest. Push the image again."
            )
        return content

    @contextmanager
    def streamed(
        self, repository: str, digest: str, size: int
    ) -> Iterator[Iterator[bytes]]:
        """A blob piece by piece. Refuses more than ``size`` bytes; the digest is for
        the reader to check."""
        with self._opened(repository, digest, GRACE + size / SLOWEST) as answer:
            yield _at_most(size, answer.chunks())

    def authorization(self, repository: str) -> str:
        """A fresh authorization to pull from a repository, for another to use."""
        scope = _pull(repository)
        self._login.forget(scope)
        with self._ask("GET", f"/v2/{quote(repository)}/tags/list?n=1", scope) as found:
            found.read(LARGEST_PAGE, "list of tags")
        return self._login.header(scope)

    def _pages(self, path: str, query: Mapping[str, str], scope: str) -> Iterator[Json]:
        url, seen = f"{path}?{urlencode(query)}", 0
        while url:
            with self._ask("GET", url, scope=scope) as answer:
                content = answer.read(LARGEST_PAGE, "registry's list")
                self._check(answer, "What was asked for")
            yield document(content, "registry's list", TELL)
            following = self._next(url, answer)
            seen += 1
            if following == url or seen > MOST_PAGES:
                raise SourceError(f"The registry's list does not end.{TELL}")
            url = following

    def _next(self, url: str, answer: Answer) -> str:
        """The next page: of this registry and this list, or of none."""
        link = NEXT.search(answer.headers.get("link", ""))
        if not link:
            return ""
        following = urljoin(self._base + url, link[1])
        parts = urlsplit(following)
        if origin(following) != self._origin:
            raise SourceError(f"The registry's list goes on at another host.{TELL}")
        prefix = urlsplit(self._base).path
        return f"{parts.path.removeprefix(prefix)}?{parts.query}"

    @contextmanager
    def _opened(self, repository: str, digest: str, seconds: float) -> Iterator[Answer]:
        path = f"/v2/{quote(repository)}/blobs/{checked_digest(digest)}"
        scope = _pull(repository)
        with self._ask("GET", path, scope=scope, seconds=seconds) as answer:
            if answer.status not in REDIRECTS:
                self._check(answer, "A layer")
                yield answer
                return
            place = urljoin(self._base + path, answer.headers.get("location", ""))
        with self._elsewhere(place, seconds, MOST_REDIRECTS) as answer:
            yield answer

    @contextmanager
    def _elsewhere(self, url: str, seconds: float, left: int) -> Iterator[Answer]:
        """Blobs may lie in a store of their own, which needs no login: none is sent,
        the address is checked like any, and encryption is not given up."""
        if self._origin.scheme == "https" and origin(url).scheme != "https":
            raise SourceError(
                f"The registry keeps layers at a place without encryption.{TELL}"
            )
        with self._wire.ask("GET", url, {}, seconds=seconds) as answer:
            if answer.status not in REDIRECTS:
                self._check(answer, "A layer")
                yield answer
                return
            place = urljoin(url, answer.headers.get("location", ""))
        if not left:
            raise SourceError(f"The registry sends us on and on for a layer.{TELL}")
        with self._elsewhere(place, seconds, left - 1) as answer:
            yield answer

    @contextmanager
    def _ask(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = 30,
    ) -> Iterator[Answer]:
        """Ask the registry itself; where it challenges, sign in and ask again."""
        url = self._base + path
        asked = dict(headers or {})
        if known := self._login.header(scope):
            asked["Authorization"] = known
        with self._wire.ask(method, url, asked, seconds=seconds) as answer:
            if answer.status != 401:
                yield answer
                return
            answer.read(LARGEST_DOCUMENT, "registry's answer")
            challenge = answer.headers.get("www-authenticate", "")
        asked["Authorization"] = self._login.answer(self._wire, challenge, scope)
        with self._wire.ask(method, url, asked, seconds=seconds) as answer:
            if answer.status == 401:
                self._login.forget(scope)
                token = asked["Authorization"].startswith("Bearer")
                raise Denied if token and scope else self._login.refusal()
            yield answer

    def _check(self, answer: Answer, what: str) -> None:
        if answer.status == 200:
            return
        if answer.status in {404, 405}:
            raise Gone(f"{what} is not in the registry any more. Sync registries.")
        if answer.status == 403:
            raise Denied
        raise _unexpected(answer, self._origin.host)


def _unexpected(answer: Answer, host: str) -> RegistryFailure:
    if answer.status == 429:
        return SlowDown(host, answer.headers.get("retry-after", ""))
    if answer.status in REDIRECTS:
        place = answer.headers.get("location", "")[:200]
        return RegistryFailure(
            f"{host} sends us on to {place or 'another address'}.",
            "Enter that address, if it is the registry's.",
        )
    if answer.status >= 500:
        return RegistryFailure(
            f"{host} is in trouble: it answered {answer.status}.",
            "Try again later.",
            passing=True,
        )
    return RegistryFailure(
        f"{host} does not answer as a registry does ({answer.status}).",
        "Check the address; it is without the path of a project.",
    )


def _at_most(size: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        size -= len(chunk)
        if size < 0:
            raise SourceError(
                "A layer is larger than its manifest says. Push the image again."
            )
        yield chunk


def _pull(repository: str) -> str:
    return f"repository:{repository}:pull"


def _names(page: Json, key: str) -> Sequence[str]:
    found = page.get(key)
    if found is None:
        return ()
    if not isinstance(found, list) or any(type(each) is not str for each in found):
        raise SourceError(f"The registry's list of {key} is damaged.{TELL}")
    return found


def _manifest(answer: Answer, digest: str, content: bytes) -> Manifest:
    body = document(content, "manifest")
    told = body.get("mediaType") or answer.headers.get("content-type", "")
    media_type = str(told).partition(";")[0].strip()
    if media_type not in MANIFEST_TYPES:
        raise SourceError(
            "Its manifest is of a kind not known here. Push it as an OCI image."
        )
    return Manifest(digest, media_type, content, body)
