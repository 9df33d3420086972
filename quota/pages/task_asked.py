"""What the address of a task's page asks for."""

from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the page asks for. ``seen`` is the quarter that was
    announced last."""

    only: str = ""
    after: str = ""
    is_paused: bool = False
    asks_stop: bool = False
    seen: int = 0
    is_poll: bool = False

    def query(self, **changes: str) -> str:
        """The address's query with some of it changed."""
        values = {
            "only": self.only,
            "after": self.after,
            "pause": "1" if self.is_paused else "",
            "stop": "1" if self.asks_stop else "",
        }
        kept = {name: each for name, each in (values | changes).items() if each}
        return f"?{urlencode(kept)}"
