"""How much memory a process took, read from the kernel."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.races.processes import start

MEGABYTE = 1 << 20


def _kilobytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise AssertionError(f"The kernel does not tell {field}.")


def _measured(act: Callable[..., None], arguments: tuple[object, ...], to: str) -> None:
    idle = _kilobytes("VmRSS")
    act(*arguments)
    peak = _kilobytes("VmHWM")
    Path(to).write_text(json.dumps((peak - idle) * 1024))


def grown_by(act: Callable[..., None], *arguments: object, folder: Path) -> int:
    """Run ``act`` in a process of its own; returns by how many bytes its memory at its
    largest was above what it had before."""
    to = folder / "memory"
    process = start(_measured, act, arguments, str(to))
    process.join(600)
    assert process.exitcode == 0
    return int(json.loads(to.read_text()))
