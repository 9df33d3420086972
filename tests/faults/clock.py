"""The run's own time, which all its processes read and faults move."""

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clock:
    """The machine's time and an offset that lies in a file, shared by all processes.

    ``skew`` is how wrong this process's clock goes.
    """

    def __init__(self, path: Path, skew: timedelta = timedelta(0)) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        with path.open("r+b") as file:
            self._offset = mmap.mmap(file.fileno(), 8)
        self._skew = skew

    def now(self) -> datetime:
        """The run's time."""
        (offset,) = struct.unpack("d", self._offset)
        moved = datetime.fromtimestamp(time.time() + offset, UTC)
        return moved + self._skew

    def jump(self, ahead: timedelta) -> None:
        """Move the time of every process."""
        (offset,) = struct.unpack("d", self._offset)
        self._offset[:] = struct.pack("d", offset + ahead.total_seconds())
