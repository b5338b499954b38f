"""A folder that one process at a time writes to."""

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from utils.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None


LOOK = 0.5  # seconds


@contextlib.contextmanager
def alone_in(folder: Path, give_up: Callable[[], Any] | None = None) -> Iterator[bool]:
    """While entered, no other process is; it ends with this process, whatever ends that.

    Where the folder cannot be written to, or its file system knows no locks, nobody is kept out.

    Args:
        give_up: waits for another's end, and asks this meanwhile, whether to wait no more. Gives False then, else True.
    Raises:
        UserError: another process is at work there, and nothing is said of waiting.
    """
    with contextlib.ExitStack() as stack:
        alone = True
        with contextlib.suppress(OSError):
            file = stack.enter_context((folder / ".lock").open("a"))
            while fcntl and not (alone := _locked(file)):
                if give_up is None:
                    raise UserError(f"{folder}: another process is at work there; wait for its end, or take another "
                                    "folder")
                if give_up():
                    break
                time.sleep(LOOK)  # a signal would not end a wait of the lock's own
        yield alone


def _locked(file: IO) -> bool:
    """A lock of POSIX's kind, which a child does not share."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
