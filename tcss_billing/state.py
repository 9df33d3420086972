"""The folder that holds this checkout's state, and the signing key in it."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path


def home() -> Path:
    """Return the state directory: ``TCSS_HOME``, by default one per checkout."""
    default = Path(__file__).resolve().parent.parent / ".tcss"
    return Path(os.environ.get("TCSS_HOME") or default).absolute()


def local_secret() -> str:
    """Return this checkout's own signing key, made on first use and kept private.

    Production sets ``SECRET_KEY``; a check refuses to deploy without it. Two processes
    that make it at once agree on one.
    """
    path = home() / "secret-key"
    if not path.exists():
        home().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=home()) as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text()
