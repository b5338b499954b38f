"""What a person can put right, said in one line."""


class UserError(Exception):
    """A mistake in the command, the recipe or the data. Its text says what, where and what to do.

    `main.py` prints it without a traceback and exits with status 2.
    """


class Elsewhere(UserError):
    """That of another of several processes, which prints it."""


def first_line(error: Exception) -> str:
    """What an error says, for a message of one line; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)
