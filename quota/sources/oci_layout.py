"""Folders of OCI layouts, and of archives beside them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quota.sources.content import FoundImage, SourceError, printable
from quota.sources.docker_archive import DockerArchive
from quota.sources.folders import Folder, inside
from quota.sources.layout import images_of, open_from
from quota.sources.opened import OpenedImage

DEEPEST = 4
LONGEST_LOCATOR = 500
LOCATOR = re.compile(r"(?P<place>.*)(?P<kind>[@!])(?P<inner>sha256:[0-9a-f]{64})", re.S)


class OciLayouts:
    """A folder that is an OCI layout, or holds layouts and archives at some depth."""

    def __init__(self, location: str) -> None:
        self.root = Path(location)
        self.problems: list[str] = []

    def find(self) -> Iterator[FoundImage]:
        """Every image of every layout and archive; broken ones go to ``problems``."""
        if not self.root.is_dir():
            raise SourceError(
                f"{self.root} is not a folder that can be read. Check the path and its"
                " rights."
            )
        for place in self._places(self.root, DEEPEST):
            try:
                for found in self._images(place):
                    _check_storable(found.locator)
                    yield found
            except SourceError as problem:
                self._report(place, str(problem))

    @contextmanager
    def open(self, locator: str) -> Iterator[OpenedImage]:
        """Open ``folder@manifest digest`` or ``archive!image``, as ``find`` gave it."""
        match = LOCATOR.fullmatch(locator)
        if not match:
            raise SourceError("The image's place is not known. Update images.")
        place = inside(self.root, self.root / match["place"])
        if match["kind"] == "!":
            with DockerArchive(str(place)).open(match["inner"]) as image:
                yield image
        else:
            yield open_from(Folder(self.root, place), match["inner"])

    def _places(self, folder: Path, depth: int) -> Iterator[Path]:
        """Layouts and archives in their order; links are not followed."""
        try:
            entries = _entries(folder)
        except OSError:
            self._report(folder, "The folder cannot be read. Check its rights.")
            return
        for entry, is_folder in entries:
            if entry == folder or not is_folder:
                yield entry
            elif depth:
                yield from self._places(entry, depth - 1)

    def _images(self, place: Path) -> Iterator[FoundImage]:
        where = str(place.relative_to(self.root))
        if place.is_dir():
            default = where if place != self.root else self.root.resolve().name
            folder = Folder(self.root, place)
            for found in images_of(folder, default, lambda p: self._report(place, p)):
                yield replace(found, locator=f"{where}@{found.locator}")
            return
        archive = DockerArchive(str(place))
        for found in archive.find():
            yield replace(found, locator=f"{where}!{found.locator}")
        self.problems += archive.problems

    def _report(self, place: Path, problem: str) -> None:
        self.problems.append(printable(f"{place.name}: {problem}"))


def _entries(folder: Path) -> list[tuple[Path, bool]]:
    """A layout itself, or the folders and archives in a folder."""
    if (folder / "oci-layout").is_file():
        return [(folder, True)]
    own = sorted(each for each in folder.iterdir() if not each.is_symlink())
    return [
        (each, each.is_dir())
        for each in own
        if each.is_dir() or (each.suffix == ".tar" and each.is_file())
    ]


def _check_storable(locator: str) -> None:
    if len(locator) > LONGEST_LOCATOR or not locator.isprintable():
        raise SourceError("The name or path is too long or unreadable. Rename it.")
