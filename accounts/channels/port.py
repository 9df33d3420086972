"""The protocol of a channel, and the ways in which a message does not go out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``id`` stays the same when a message is sent twice by accident."""

    id: str
    to: str
    subject: str
    text: str
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class NotSent(Exception):
    """The message did not go out; ``str()`` says why in words that staff may read."""


class Refused(NotSent):
    """This message will never go out: trying again does not help."""


class Deferred(NotSent):
    """This message may go out later; others may go out now."""


class Unavailable(NotSent):
    """The provider cannot be had: there is no use in trying others now."""


class Channel(Protocol):
    """A way to reach a person."""

    def send(self, message: Message) -> None:
        """Hand the message to the provider, or raise ``NotSent``."""
