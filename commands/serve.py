"""`main.py serve`: a web page for a run, on this machine alone."""

from pathlib import Path

from utils.config import ServeSettings
from utils.recipe import config_of_run, parse_flags


def serve(run: str, words: list[str]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        UserError: no such run; no face detector; the port is taken.
    """
    settings = parse_flags(ServeSettings, words, f"main.py serve {run}", "serve")
    folders = [Path(folder) for folder in (run, *settings.more)]
    for folder in folders:
        config_of_run(folder)  # a missing one is said at once
    from commands.serve_page import serve_page  # only now: it brings torch, which takes seconds

    serve_page(folders, settings)
