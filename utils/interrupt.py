"""SIGINT and SIGTERM as a wish that training grants at its next step."""

import signal
import threading


class Interrupted(Exception):
    """A signal asks for an end."""


class Interrupt:
    """While entered, `signal` holds the number of a signal that came in, or None.

    A second one of the same kind ends the process at once.
    """

    def __init__(self):
        self.signal: int | None = None
        self._former: dict = {}

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():  # Python allows handlers nowhere else
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame) -> None:
        self.signal = number
        signal.signal(number, self._former[number])

    def agree(self, signals: list[int | None]) -> None:
        """Take the wish of all processes that train together for one's own.

        They then end in good order, and by themselves: whoever started them may send more signals meanwhile.
        """
        self.signal = min(filter(None, signals), default=None)
        if self.signal and len(signals) > 1 and threading.current_thread() is threading.main_thread():
            for number in self._former:
                signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        """
        Raises:
            Interrupted: a signal has come in.
        """
        if self.signal:
            raise Interrupted

    def __exit__(self, *exception) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
