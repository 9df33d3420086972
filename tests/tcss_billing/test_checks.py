"""What `check --deploy` refuses: keys that only this machine has."""

from pathlib import Path

import pytest
from pytest_django import Settings

from tcss_billing import state
from tcss_billing.checks import keys_are_brought


@pytest.fixture
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TCSS_HOME", str(tmp_path))


@pytest.mark.usefixtures("_own_home")
def test_keys_that_were_made_here_are_refused(settings: Settings) -> None:
    settings.DEBUG, settings.DEMO_INBOX = False, ""
    settings.SECRET_KEY = "brought"
    settings.CREDENTIAL_KEYS = ["brought", state.local_credential_key()]

    (credentials,) = keys_are_brought(None)
    settings.SECRET_KEY = state.local_secret()

    assert credentials.id == "tcss_billing.E002"
    assert "CREDENTIAL_KEYS" in str(credentials.hint)
    assert len(keys_are_brought(None)) == 2


@pytest.mark.usefixtures("_own_home")
@pytest.mark.parametrize("own", [{"DEBUG": True}, {"DEMO_INBOX": "/inbox"}])
def test_ones_own_machine_and_the_demo_may_use_them(
    settings: Settings, own: dict[str, object]
) -> None:
    settings.SECRET_KEY = state.local_secret()
    for name, value in own.items():
        setattr(settings, name, value)

    assert keys_are_brought(None) == []


@pytest.mark.usefixtures("_own_home")
def test_keys_that_were_brought_are_taken_and_none_is_made(
    settings: Settings, tmp_path: Path
) -> None:
    settings.SECRET_KEY, settings.CREDENTIAL_KEYS = "brought", ["brought"]

    assert keys_are_brought(None) == []
    assert list(tmp_path.iterdir()) == []
