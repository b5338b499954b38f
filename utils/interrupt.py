"""SIGINT and SIGTERM as a wish that training grants at its next step."""

import signal
import threading


class Interrupted(Exception):
    """A signal asks for an end."""


class Interrupt:
    """While entered, `signal` holds the number of a signal that came in, or None.

    Where one is entered already, this or another, that one hears: a training within a training is not ended by itself.
    A second one of the same kind ends the process at once.

    Args:
        patient: it does not, also when all is over. Of several processes, whoever started them sends to each as many
            as it likes, and all are to end in good order.
    """

    def __init__(self, patient: bool = False):
        self.signal: int | None = None
        self.agreed: int | None = None  # between the processes
        self.patient = patient
        self._former: list[dict] = []  # handlers, of each time that it was entered

    def __enter__(self) -> "Interrupt":
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        if threading.current_thread() is not threading.main_thread():  # Python allows handlers nowhere else
            handlers = {}
        self._former.append({number: handler for number, handler in handlers.items()
                             if not isinstance(getattr(handler, "__self__", None), Interrupt)})
        for number in self._former[-1]:
            signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame) -> None:
        self.signal = number
        if not self.patient:
            signal.signal(number, next(former[number] for former in self._former if number in former))

    def agree(self, signals: list[int | None]) -> None:
        """End by what has come to any of the processes that train together.

        One that has come to this one since they told each other is told the next time.
        """
        self.agreed = min(filter(None, signals), default=None)

    @property
    def ending(self) -> int | None:
        """The signal to end by."""
        return self.agreed if self.patient else self.signal

    def check(self) -> None:
        """
        Raises:
            Interrupted: a signal has come in; of several processes, the others know of it too.
        """
        if self.ending:
            raise Interrupted

    def __exit__(self, *exception) -> None:
        for number, handler in self._former.pop().items():
            signal.signal(number, signal.SIG_IGN if self.patient and self.ending else handler)
