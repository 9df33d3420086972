"""One act of a peer's in a process of its own: ``peer_hordak prepare 65``."""

import importlib
import sys

import django

if __name__ == "__main__":
    _, who, act, *values = sys.argv
    django.setup()
    peer = importlib.import_module(f"tests.benchmarks.charging.{who}")
    print(getattr(peer, act)(*map(int, values)))  # noqa: T201 -- how it answers
