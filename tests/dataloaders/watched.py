"""Which reads are watched in the main process."""

from contextlib import contextmanager
from types import ModuleType


def watched_reads(monkeypatch, module: ModuleType) -> list[tuple[float, str]]:
    """Time-out and clip of each that a module asks for from here on, in the place of the watch."""
    watched = []

    @contextmanager
    def at_most(seconds, clip):
        watched.append((seconds, clip))
        yield

    monkeypatch.setattr(module, "at_most", at_most)
    return watched
