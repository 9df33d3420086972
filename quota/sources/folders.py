"""Files in a folder, opened without trusting their names, links or kinds."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from quota.sources.content import SourceError


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, read only as far as it stays inside of ``root``."""

    root: Path
    path: Path

    def open(self, name: str) -> BinaryIO:
        """Open a file by its path in the folder. Refuses what is not a plain file and
        what a link puts outside of ``root``."""
        return open_plain(inside(self.root, self.path / name))


def inside(root: Path, path: Path) -> Path:
    """Follow every link of ``path``. Refuses what ends outside of ``root``."""
    try:
        real = path.resolve()
        allowed = real.is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(
            f"{path.name[:80]} is missing or cannot be read. Update images."
        ) from error
    if not allowed:
        raise SourceError(
            f"{path.name[:80]} lies outside of its source. Move it there."
        )
    return real


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file. Refuses a pipe, which would wait for ever, or a device."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.fdopen(os.open(path, flags), "rb")
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path.name[:80]} is missing or cannot be read. Update images."
        ) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise SourceError(
            f"{path.name[:80]} is not a plain file. Put the file itself there."
        )
    return file
