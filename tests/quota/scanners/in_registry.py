"""A real image, taken for one that is in a registry, and an engine that scans it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quota.scanners.harbor import HarborScanner
from quota.scanners.http_api import Api
from quota.scanners.port import Category, Report
from quota.sources.content import ImageContent, Pull, SourceError
from tcss_billing.demo.images import FAKE_KEY
from tests.quota.scanners.harbor_server import OCI, Engine
from tests.quota.scanners.test_builtin import DEBIAN, DPKG

ALL = frozenset(Category)
VULNERABILITIES = frozenset({Category.VULNERABILITIES})
LAYERS = [{"etc/os-release": DEBIAN}, {"var/lib/dpkg/status": DPKG, "x": FAKE_KEY}]
DIGEST = f"sha256:{'a' * 64}"


@dataclass(slots=True)
class InRegistry:
    """A real image, as if it had been found in a registry."""

    content: ImageContent
    media_type: str = OCI
    refuses: str = ""
    digest: str = ""
    config: Any = field(default_factory=dict)
    layers: Any = ()

    def __post_init__(self) -> None:
        self.digest = self.content.digest
        self.config, self.layers = self.content.config, self.content.layers

    def pull(self) -> Pull:
        """Where it would be."""
        if self.refuses:
            raise SourceError(self.refuses)
        return Pull(
            "https://registry.example",
            "team/app",
            DIGEST,
            self.media_type,
            "Bearer abc",
        )

    def write_layout(self, folder: Path) -> None:
        """As the image does."""
        self.content.write_layout(folder)


def scan(
    engine: Engine,
    image: ImageContent,
    categories: frozenset[Category] = VULNERABILITIES,
    seconds: float = 30,
) -> Report:
    """What the engine reports of an image."""
    return HarborScanner(Api(engine.address)).scan(image, categories, lambda: seconds)
