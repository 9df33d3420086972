"""Bank transfer: nothing to call; it is money only when staff record it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from accounts.payments.port import Asked, Event, ForgedEvent, Found, Started


class BankTransferGateway:
    """Needs no provider: our own page says where to send the money."""

    def start(self, asked: Asked) -> Started:
        """Nothing to prepare."""
        return Started()

    def find(self, session: str) -> Found | None:
        """Only the bank statement knows."""
        return None

    def read_event(
        self, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> Event:
        """No bank sends events here."""
        raise ForgedEvent("A bank transfer has no events.")

    def missed_events(self, since: datetime) -> Sequence[Event]:
        """There are none."""
        return []
