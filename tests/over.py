"""Waits for processes that are nobody's children here."""

import os
import select
from collections.abc import Iterable


def assert_over(processes: Iterable[int], seconds: float = 300) -> None:
    """All of them end within the time."""
    for number in processes:
        try:
            watched = os.pidfd_open(number)
        except ProcessLookupError:
            continue
        assert select.select([watched], [], [], seconds)[0], f"process {number} goes on"
        os.close(watched)
