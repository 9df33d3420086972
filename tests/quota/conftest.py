"""Registries to read from: one that does as it is told, and the real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registries import hostile as bad
from tests.registries.real import RealRegistry, real_registry


@pytest.fixture
def hostile() -> Iterator[bad.Registry]:
    """A registry of ours that answers what a test tells it to."""
    with bad.hostile_registry() as registry:
        yield registry


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealRegistry]:
    """Docker's own registry, behind a login and TLS."""
    with real_registry(tmp_path / "real", login=True, tls=True) as registry:
        yield registry
