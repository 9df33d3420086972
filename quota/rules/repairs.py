"""Repair plans in words: what to upgrade or remove, where, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MOST_LISTED = 3


class Upgrade(NamedTuple):
    """A version found in so many images, and the one that fixes it, if one is known."""

    version: str
    fixed: str
    images: int


class Place(NamedTuple):
    """A layer (``2 of 7``), and in how many images it is the one."""

    layer: str
    images: int


@dataclass(frozen=True, slots=True)
class Repair:
    """A plan: steps, the place, and the reason."""

    what: Sequence[str]
    where: str
    why: str


def package_repair(
    identifier: str, package: str, upgrades: Sequence[Upgrade], places: Sequence[Place]
) -> Repair:
    """How to get rid of a weak package.

    >>> plan = package_repair("CVE-1", "openssl", [Upgrade("3.0.15", "3.0.17", 2)], [])
    >>> plan.what
    ['Upgrade openssl from 3.0.15 to 3.0.17 or later (2 images).', 'Rebuild the images \
and scan them again.']
    """
    what = [_upgrade(package, each) for each in upgrades if each.fixed]
    stuck = [each for each in upgrades if not each.fixed]
    if stuck or not upgrades:
        known = f" of {package} {stuck[0].version}" if len(stuck) == 1 else ""
        what.append(
            f"No fixed version{known} is known. Remove {package} where nothing needs"
            " it, or accept the risk with a note until there is one."
        )
    what.append("Rebuild the images and scan them again.")
    why = f"{identifier} affects the versions of {package} that were found."
    return Repair(what, _where(package, places), why)


def file_repair(identifier: str, places: Sequence[Place]) -> Repair:
    """How to get rid of a file that nobody should run."""
    return Repair(
        [
            "Do not run these images; stop the containers that do.",
            "Rebuild them without the file, from a base you trust.",
            "Find out how it got there, and scan again.",
        ],
        _where("The file", places),
        f"It is what {identifier} names: a file known to be bad.",
    )


def secret_repair(places: Sequence[Place]) -> Repair:
    """How to get rid of a secret in an image."""
    return Repair(
        [
            "Revoke it and issue a new one: assume that it was read.",
            "Rebuild the images without it, and give it to containers when they start.",
            "Scan again.",
        ],
        _where("The file that holds it", places),
        "Whoever can pull the image can read it. Deleting the file in a later layer"
        " leaves it readable in the one that brought it.",
    )


def _upgrade(package: str, upgrade: Upgrade) -> str:
    held = f" from {upgrade.version}" if upgrade.version else ""
    count = f"{upgrade.images:,} image{'' if upgrade.images == 1 else 's'}"
    return f"Upgrade {package}{held} to {upgrade.fixed} or later ({count})."


def _where(subject: str, places: Sequence[Place]) -> str:
    """
    >>> _where("openssl", [Place("2 of 7", 3), Place("1 of 4", 1)])
    'openssl comes with layer 2 of 7 (3 images), layer 1 of 4 (1 image).'
    """
    named = [each for each in places if each.layer][:MOST_LISTED]
    if not named:
        return "The engine does not say which layer brings it."
    listed = ", ".join(
        f"layer {each.layer} ({each.images:,} image{'' if each.images == 1 else 's'})"
        for each in named
    )
    more = ", and others" if len(places) > len(named) else ""
    return f"{subject} comes with {listed}{more}."
