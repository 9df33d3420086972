"""A scan engine that does with each image what a test wants."""

from collections.abc import Callable

from quota.scanners.port import Category, Report
from quota.sources.content import ImageContent
from tests.factories import report

Look = Callable[[ImageContent, Callable[[], float]], object]


class Engine:
    """Notes the images it is given, does with each what a test wants, and has found
    one thing."""

    name = "of a test"

    def __init__(self, look: Look = lambda content, deadline: None) -> None:
        self.look = look
        self.given: list[str] = []

    def capabilities(self) -> frozenset[Category]:
        """All of them."""
        return frozenset(Category)

    def scan(
        self,
        content: ImageContent,
        categories: frozenset[Category],
        deadline: Callable[[], float],
    ) -> Report:
        """Note it."""
        self.given.append(content.digest)
        self.look(content, deadline)
        return report()
