"""A real image, taken for one that is in a registry."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quota.sources.content import ImageContent, Pull, SourceError
from tests.quota.scanners.harbor_server import OCI

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
