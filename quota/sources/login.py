"""Signing in to a registry: Basic, or a token from where the registry says."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from quota.sources.content import SourceError
from quota.sources.reach import RegistryFailure, origin
from quota.sources.wire import Wire

LARGEST_TOKEN = 1 << 20
CHALLENGE = re.compile(r"\s*(?P<scheme>[A-Za-z]+)\s+(?P<rest>.*)", re.S)
PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class LoginFailed(RegistryFailure):
    """The registry does not let this user in, or not to what was asked for."""


@dataclass(slots=True)
class Login:
    """The authorization of one registry, kept a scope. Never part of a log or repr."""

    registry: str
    username: str
    password: str = field(repr=False)
    _kept: dict[str, str] = field(default_factory=dict, repr=False)

    def header(self, scope: str) -> str:
        """The value of ``Authorization`` for this scope, empty before a challenge."""
        return self._kept.get(scope, "")

    def forget(self, scope: str) -> None:
        """A token that is no longer taken."""
        self._kept.pop(scope, None)

    def answer(self, wire: Wire, challenge: str, scope: str) -> str:
        """Meet a ``WWW-Authenticate`` challenge. Refuses (LoginFailed) with the reason
        when the registry does not let us in."""
        match = CHALLENGE.match(challenge)
        scheme = match["scheme"].lower() if match else ""
        if scheme == "bearer" and match:
            asked = dict(PARAMETER.findall(match["rest"]))
            header = f"Bearer {self._token(wire, asked, scope)}"
        elif scheme == "basic" and self.username:
            header = self._basic()
        else:
            raise self.refusal()
        # A registry has many repositories and so many scopes; the last ones do.
        if len(self._kept) >= 64:
            self._kept.clear()
        self._kept[scope] = header
        return header

    def refusal(self) -> LoginFailed:
        """What to say when we are not let in."""
        if not self.username:
            return LoginFailed(
                "The registry asks for a login.", "Enter a username and password."
            )
        return LoginFailed(
            "The login failed: the registry refused the username or password.",
            "Enter them again; a token may have run out.",
        )

    def _basic(self) -> str:
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    def _token(self, wire: Wire, asked: Mapping[str, str], scope: str) -> str:
        realm = asked.get("realm", "")
        encrypted = origin(realm).scheme == "https"
        if origin(self.registry).scheme == "https" and not encrypted:
            raise LoginFailed(
                "The registry sends logins to a place without encryption.",
                "Tell whoever runs it; nothing was sent there.",
            )
        query = {"service": asked.get("service", ""), "scope": scope}
        mark = "&" if "?" in realm else "?"
        url = realm + mark + urlencode({k: v for k, v in query.items() if v})
        headers = {"Authorization": self._basic()} if self.username else {}
        with wire.ask("GET", url, headers) as response:
            content = response.read(LARGEST_TOKEN, "registry's token")
            if response.status in {400, 401, 403}:
                raise self.refusal()
            if response.status != 200:
                raise RegistryFailure(
                    f"The registry's login service answered {response.status}.",
                    "Try again later.",
                    passing=True,
                )
        return _token_in(content)


def _token_in(content: bytes) -> str:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            "The registry's login service answers in no form known. Tell whoever runs"
            " it."
        ) from error
    token = (
        found.get("token") or found.get("access_token")
        if isinstance(found, dict)
        else None
    )
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]{1,65536}", token):
        raise SourceError(
            "The registry's login service sent no token. Tell whoever runs it."
        )
    return token
