"""A summary of something that has no end, in a fixed memory."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Thinned(Generic[T]):
    """At most `most` items for all that were added, of which there may be any number, each for as many of them.

    When there are too many, each two neighbours become one, and from then on twice as many are gathered into one.

    Args:
        most: an even number.
        joined: what stands for two neighbours, the earlier first.
    """

    def __init__(self, most: int, joined: Callable[[T, T], T]):
        self.most, self.joined = most, joined
        self.items: list[T] = []
        self._each, self._in_last = 1, 1  # how many were added for an item, and for the last one so far

    def add(self, item: T) -> None:
        if self.items and self._in_last < self._each:
            self.items[-1] = self.joined(self.items[-1], item)
            self._in_last += 1
            return
        if len(self.items) == self.most:
            self.items = [self.joined(a, b) for a, b in zip(self.items[::2], self.items[1::2])]
            self._each *= 2
        self.items.append(item)
        self._in_last = 1
