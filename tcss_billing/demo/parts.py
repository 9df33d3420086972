"""The processes of the demo: they end with it, however it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

from django.conf import settings

from tcss_billing import embedded_postgres
from tcss_billing.demo import keeper
from tcss_billing.demo.money import SELLER
from tcss_billing.state import home

Part = subprocess.Popen[bytes]


@contextmanager
def running(*commands: list[str], more: Mapping[str, str]) -> Iterator[Sequence[Part]]:
    """Run commands, each under a keeper, and end them whatever happens."""
    # The demo's own registry is on this machine, which is a private address; so is
    # whoever may read the figures; and staff sign in with the password it prints.
    ours = {
        "REGISTRIES_MAY_BE_PRIVATE": "true",
        "METRICS": "true",
        "STAFF_SECOND_FACTOR": "false",
        **more,
    }
    with (home() / "demo.log").open("ab") as log:
        parts = [_kept(command, log, ours) for command in commands]
        try:
            yield parts
        finally:
            for part in parts:
                part.terminate()
            for part in parts:
                _close(part)


@contextmanager
def server_kept() -> Iterator[None]:
    """Stop the embedded server at the end if nobody else uses it, also should this
    process be killed."""
    if not embedded_postgres.is_used_here(home()):
        yield
        return
    with (home() / "demo.log").open("ab") as log:
        part = _kept(["--server", str(home())], log, {})
        try:
            yield
        finally:
            embedded_postgres.leave(home())
            _close(part, keeper.DISMISSED)


def _kept(command: list[str], log: IO[bytes], more: Mapping[str, str]) -> Part:
    """Start a keeper in a session of its own: Ctrl-C is the demo's to answer."""
    return subprocess.Popen(  # noqa: S603 -- our own programs
        [sys.executable, "-m", keeper.__name__, *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,
        cwd=settings.BASE_DIR,
        env={
            **SELLER,
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tcss_billing.settings",
            **more,
        },
    )


def _close(part: Part, words: bytes = b"") -> None:
    """Close our end of the part's input and wait; the keeper has a patience of its
    own, after which it kills."""
    part.communicate(words)
