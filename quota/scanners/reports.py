"""What adapters share: an engine's text made harmless, and repair plans in words."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from quota.scanners.port import ScanFailed, Severity
from quota.sources.content import ImageContent, printable

LARGEST_REPORT = 32 * 1024**2
MOST_FINDINGS = 50_000
Json = Mapping[str, Any]
WORDS: Mapping[str, Severity] = {
    **{severity.value: severity for severity in Severity},
    "negligible": Severity.LOW,
}


def one_line(value: object, most: int) -> str:
    """An engine's text as one line that can be stored and shown; nothing if it is no
    text.

    >>> one_line("a\\tb\\n\\x00c\\u202e", 10)
    'a b c'
    """
    if not isinstance(value, str):
        return ""
    return printable(" ".join(value[: most * 4].split()))[:most]


def document(content: bytes) -> Json:
    """An engine's JSON object. Refuses (ScanFailed) what is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ScanFailed("The engine's answer cannot be read. Scan again.")
    return found


def part(document: Json, key: str) -> Json:
    """The object under ``key``; an empty one if there is none."""
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def objects(document: Json, key: str) -> Sequence[Json]:
    """The objects in the list under ``key``; none if there is no list. Refuses
    (ScanFailed) more of them than an image can have findings."""
    found = document.get(key)
    if not isinstance(found, list):
        return ()
    if len(found) > MOST_FINDINGS:
        raise ScanFailed(
            f"The engine reported more than {MOST_FINDINGS:,} findings. Make the image"
            " smaller, then scan it again."
        )
    return [each for each in found if isinstance(each, dict)]


def severity_of(word: object) -> Severity:
    """The severity an engine's word stands for; unknown where we know no such word."""
    return WORDS.get(str(word).lower(), Severity.UNKNOWN)


def layer_labels(image: ImageContent) -> Mapping[str, str]:
    """``2 of 7`` for each layer, by the digest it is stored under and by the digest of
    its content."""
    count = len(image.layers)
    contents = part(image.config, "rootfs").get("diff_ids") or ()
    labels = {str(digest): f"{n} of {count}" for n, digest in enumerate(contents, 1)}
    stored = enumerate(image.layers, 1)
    return {**labels, **{layer.digest: f"{n} of {count}" for n, layer in stored}}


def upgrade_plan(package: str, version: str, fixed: str, layer: str) -> str:
    """What to do about a weak package: to which version, and in which layer."""
    place = f" in layer {layer}" if layer else ""
    if not fixed:
        return f"No fixed version is known. Remove {package}{place} if unused."
    return (
        f"Upgrade {package} from {version or 'its version'} to {fixed} or later{place},"
        " then rebuild the image."
    )


def removal_plan(path: str, layer: str) -> str:
    """What to do about a file that nobody should run."""
    return (
        f"Do not run this image. Rebuild it without {path}, which layer {layer} brings,"
        " and find out how it got there."
    )
