"""Real processes against the test database."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from django.db import connections

FORK = multiprocessing.get_context("fork")


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start a child with database connections of its own."""
    connections.close_all()
    process = FORK.Process(target=_child, args=(target, arguments), daemon=True)
    process.start()
    return process


def _child(target: Callable[..., None], arguments: tuple[object, ...]) -> None:
    try:
        target(*arguments)
    finally:
        connections.close_all()
    # Leave without the parent's clean-up: its fixtures are not ours to end.
    os._exit(0)
