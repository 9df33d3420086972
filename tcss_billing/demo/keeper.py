"""Keeps one part of the demo running for exactly as long as the demo itself.

The demo holds the other end of this process's standard input. However the demo ends,
the system closes that end, and the part is ended from here. A demo that ends in good
order says so first (``DISMISSED``) and has ended its parts itself.
"""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tcss_billing import embedded_postgres

DISMISSED = b"."
GRACE = 15
LOOK = 0.5


def keep(command: list[str]) -> int:
    """Run a command until it ends or the demo does. Returns its exit code."""
    with subprocess.Popen(  # noqa: S603 -- the demo's own command
        command, stdin=subprocess.DEVNULL, start_new_session=True
    ) as part:
        asked: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
        while part.poll() is None:
            if asked or _is_alone(LOOK):
                _end(part)
        return part.returncode


def keep_server(home: Path) -> None:
    """Stop the embedded server once the demo has ended without leaving it, and so
    have all others who use it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.read(sys.stdin.fileno(), 1) != DISMISSED:
        embedded_postgres.leave(home, patiently=True)


def _is_alone(patience: float) -> bool:
    """Whether the demo's end of the pipe is closed."""
    ready, _, _ = select.select([sys.stdin.fileno()], [], [], patience)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)


def _end(part: subprocess.Popen[bytes]) -> None:
    """End the part politely, then it and all it started."""
    part.terminate()
    with suppress(subprocess.TimeoutExpired):
        part.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(part.pid, signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[1] == "--server":
        keep_server(Path(sys.argv[2]))
    else:
        sys.exit(keep(sys.argv[1:]))
