"""SMS by any of the providers that the ``apprise`` package speaks to (an extra)."""

import logging
from dataclasses import dataclass

import apprise

from accounts.channels.port import Deferred, Message, Refused


@dataclass(frozen=True, slots=True)
class Apprise:
    """``url`` is that package's address of a provider, with ``{to}`` for the number,
    such as ``twilio://SID:TOKEN@15550001111/{to}``."""

    url: str

    def send(self, message: Message) -> None:
        sender = apprise.Apprise()
        if not sender.add(self.url.format(to=message.to.removeprefix("+"))):
            raise Refused("The SMS provider does not take this number.")
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as log:  # type: ignore[no-untyped-call]
            # It tells a bad number and a bad day apart by words alone: try again.
            if not sender.notify(body=message.text):
                said = log.getvalue().strip().splitlines() or ["no reason given"]
                raise Deferred(f"The SMS provider: {said[-1]}")
