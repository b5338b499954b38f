"""Waits for processes that are nobody's children here."""

import errno
import os
import select
from collections.abc import Iterable


def assert_over(processes: Iterable[int], seconds: float = 300) -> None:
    """All of them end within the time."""
    for number in processes:
        try:
            watched = os.pidfd_open(number)
        except OSError as error:  # gone, or its number is that of another's thread by now
            assert error.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT), error
            continue
        assert select.select([watched], [], [], seconds)[0], f"process {number} goes on"
        os.close(watched)
