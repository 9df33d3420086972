"""Where images come from: OCI layouts and archives, a Docker-compatible engine."""

from collections.abc import Callable

from quota.sources.content import Source, SourceError
from quota.sources.docker_archive import DockerArchive
from quota.sources.engine import Engine
from quota.sources.oci_layout import OciLayouts

KINDS: dict[str, Callable[[str], Source]] = {
    "oci-layout": OciLayouts,
    "docker-archive": DockerArchive,
    "engine": Engine,
}


def open_source(kind: str, location: str) -> Source:
    """Return the source of ``kind`` at ``location``. Refuses an unknown kind."""
    if kind not in KINDS:
        raise SourceError(
            f"There is no source of the kind {kind}. Tell your administrator."
        )
    return KINDS[kind](location)
