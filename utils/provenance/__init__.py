"""provenance.json: what each session of a run was made of, so that a later one, elsewhere, can tell what differs.

A run has a session for its start and one for each time that it was resumed.
"""

import json
import logging
from collections.abc import Collection
from pathlib import Path

from utils.errors import UserError
from utils.findings import Finding, tell
from utils.provenance.comparison import commit_of, compare
from utils.provenance.samples import Samples
from utils.provenance.session import gather
from utils.whole_file import whole_file

__all__ = ["FILE", "Samples", "commit_of", "compare", "differences", "gather", "read_sessions", "record", "tell_aloud"]

log = logging.getLogger("camxuc")

FILE = "provenance.json"
OLD = Finding("note", "no-provenance", "the run does not say what it was made of, so nothing can be compared")


def record(session: dict, run_dir: Path, resumed: bool) -> list[Finding]:
    """Write the session into the run folder, behind those before if it goes on from them.

    Returns:
        what is another now than it was in the last session. That the file cannot be written is logged, no more.
    """
    before = read_sessions(run_dir) if resumed else []
    found = (compare(before[-1], session) if before else [OLD]) if resumed else []
    for old in before:
        for split in old["splits"].values():
            split.pop("marks", None)  # the newest are compared with
    try:
        with whole_file(run_dir / FILE) as file:
            file.write(json.dumps({"sessions": [*before, session]}, indent=1) + "\n")
    except UserError as error:
        log.warning("%s", error)
    return found


def differences(run_dir: Path, now: dict, named: Collection[str] = ()) -> list[Finding]:
    """What is another now than in the run's last session; a note, if that is not known."""
    sessions = read_sessions(run_dir)
    return compare(sessions[-1], now, named) if sessions else [OLD]


def read_sessions(run_dir: Path) -> list[dict]:
    """The sessions of a run, the first one first; none, if the run does not tell or the file is damaged."""
    path = run_dir / FILE
    try:
        sessions = json.loads(path.read_text(encoding="utf-8"))["sessions"] if path.is_file() else []
        return sessions if all(_whole(session) for session in sessions) else []
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return []


def _whole(session: dict) -> bool:
    parts = ("machine", "packages", "files", "weights", "splits")
    return all(isinstance(session[part], dict) for part in parts) and {"sha256", "files"} <= session["code"].keys()


def tell_aloud(findings: list[Finding], where: str) -> None:
    """As `tell`, and to the screen where no log is open yet, as in `eval`: else a note would be lost."""
    if log.handlers:
        return tell(findings, where)
    handler, level, propagates = logging.StreamHandler(), log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False  # a library may have given the root a handler, which would say it again
    try:
        tell(findings, where)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagates
