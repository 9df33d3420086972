"""The folder that holds this checkout's state, and the keys in it."""

import base64
import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

CREDENTIAL_KEY = "credential-key"


def home() -> Path:
    """Return the state directory: ``TCSS_HOME``, by default one per checkout."""
    default = Path(__file__).resolve().parent.parent / ".tcss"
    return Path(os.environ.get("TCSS_HOME") or default).absolute()


def local_secret() -> str:
    """Return this checkout's own signing key, made on first use and kept private.

    Production sets ``SECRET_KEY``; a check refuses to deploy without it. Two processes
    that make it at once agree on one.
    """
    return _made_once("secret-key", secrets.token_urlsafe(50))


def local_credential_key() -> str:
    """Return this checkout's own key for stored credentials, made like the signing key.

    Production sets ``CREDENTIAL_KEYS``.
    """
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return _made_once(CREDENTIAL_KEY, key)


def made_here() -> frozenset[str]:
    """The keys that this checkout made for itself."""
    paths = (home() / name for name in ("secret-key", CREDENTIAL_KEY))
    return frozenset(path.read_text() for path in paths if path.exists())


def _made_once(name: str, content: str) -> str:
    try:
        return _linked_once(home() / name, content)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The state folder {home()} cannot be used: {error.strerror}. Set TCSS_HOME"
            " to a folder that you may write."
        ) from error


def _linked_once(path: Path, content: str) -> str:
    if not path.exists():
        home().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=home()) as file:
            file.write(content)
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text()
