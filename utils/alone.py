"""A folder that one process at a time writes to."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from utils.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None


@contextlib.contextmanager
def alone_in(folder: Path, wait: bool = False) -> Iterator[None]:
    """While entered, no other process is; it ends with this process, whatever ends that.

    Where the folder cannot be written to, or its file system knows no locks, nobody is kept out.

    Args:
        wait: until the other one is done.
    Raises:
        UserError: another process is at work there.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context((folder / ".lock").open("a"))
            if fcntl and not _locked(file, wait):
                raise UserError(f"{folder}: another process is at work there; wait for its end, or take another folder")
        yield


def _locked(file: IO, wait: bool) -> bool:
    """A lock of POSIX's kind, which a child does not share."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


def is_taken(folder: Path) -> bool:
    """Whether another process is at work there."""
    try:
        with alone_in(folder):
            return False
    except UserError:
        return True
