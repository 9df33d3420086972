"""An engine behind the Harbor scanner API, and an image it can pull."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quota.sources import open_source
from tcss_billing.demo.images import write_image
from tests.quota.scanners.harbor_server import Engine, served
from tests.quota.scanners.in_registry import LAYERS, InRegistry


@pytest.fixture
def engine() -> Iterator[Engine]:
    with served(Engine()) as engine:
        yield engine


@pytest.fixture
def image(tmp_path: Path) -> Iterator[InRegistry]:
    write_image(tmp_path / "app", tag="1", layers=LAYERS)
    source = open_source("oci-layout", str(tmp_path))
    (found,) = source.find()
    with source.open(found.locator) as content:
        yield InRegistry(content)
