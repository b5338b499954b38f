"""An end to a process that hangs in reading a clip."""

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator

from torch.utils.data import get_worker_info


@contextlib.contextmanager
def at_most(seconds: float, clip: str) -> Iterator[None]:
    """End the process as a UserError would if the block takes longer: an error would not reach it where it hangs.

    A loader process may take any time, for the main one takes it; as may anyone with 0 seconds.
    """
    if not seconds or get_worker_info():
        yield
        return
    timer = threading.Timer(seconds, _give_up, (f"reading took over {seconds:g} s (--reader-timeout): {clip}",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _give_up(text: str) -> None:
    for worker in multiprocessing.active_children():
        worker.kill()
    print(f"\nerror: {text}", file=sys.stderr, flush=True)  # behind a progress bar
    os._exit(2)
