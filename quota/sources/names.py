"""What images are called."""

from quota.sources.content import printable
from quota.sources.oci import Json, text

REF_NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"


def named(annotations: Json, default: str) -> tuple[str, str]:
    """The name and tag that annotations give an image, else its folder's name."""
    ref = text(annotations, REF_NAME)
    full = text(annotations, FULL_NAME) or (ref if set(ref) & set("/:") else "")
    return split_reference(full) if full else (printable(default), ref)


def split_reference(reference: str) -> tuple[str, str]:
    """Split ``host:5000/team/app:1.0`` into name and tag; a digest is neither.

    >>> split_reference("host:5000/team/app:1.0@sha256:00"), split_reference("app")
    (('host:5000/team/app', '1.0'), ('app', ''))
    """
    reference = printable(reference).partition("@")[0]
    name, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        return reference, ""
    return name, tag
