"""What a person can put right, said in one line."""

import difflib
from collections.abc import Iterable

LONGEST = 1200  # characters


class Told(Exception):
    """An error whose text is one line, whatever a damaged or hostile file put into it.

    Control characters, which could move the cursor or colour the screen, become blanks; of an endless text the middle
    is left out.
    """

    def __init__(self, text: str):
        text = "".join(letter if letter.isprintable() else " " for letter in text)
        super().__init__(text if len(text) <= LONGEST else f"{text[:LONGEST // 2]} ... {text[-LONGEST // 2:]}")


class UserError(Told):
    """A mistake in the command, the recipe or the data. Its text says what, where and what to do.

    `main.py` prints it without a traceback and exits with status 2.
    """


class Elsewhere(UserError):
    """That of another of several processes, which prints it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, whatever the case; nothing where no known name is near."""
    names = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), names, n=1, cutoff=0.5)
    return f"; did you mean {names[close[0]]}?" if close else ""


def first_line(error: Exception) -> str:
    """What an error says, for a message of one line; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)
