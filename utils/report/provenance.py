"""What a page says of a run's provenance.json: where it was trained, with which code, on which data."""

from pathlib import Path

from utils.provenance import commit_of, read_sessions
from utils.provenance.comparison import BEARING, DIGITS

MACHINE = {"python": "Python", "os": "system", "cpu": "processor", "processors": "processors", "memory_gib": "memory",
           "gpu": "GPU", "driver": "driver", "threads": "threads", "precision": "precision"}
NAMED = 5  # changed files


def provenance(run_dir: Path) -> dict | None:
    """Of the last session, and the times and commits of all; None where nothing is known.

    `facts` are shown in groups, `splits` and `files` as rows of a table.
    """
    sessions = read_sessions(run_dir)
    if not sessions:
        return None
    last = sessions[-1]
    facts = {"Code": _code(last), "Machine": _machine(last["machine"]), "Packages": _packages(last)}
    return {
        "facts": facts, "command": " ".join(last["command"]),
        "splits": {split: (of["count"], of["labels"][:DIGITS], of["contents"][:DIGITS], of["of"])
                   for split, of in last["splits"].items()},
        "files": {file["name"]: (file["sha256"] or "unreadable")[:DIGITS]
                  for file in (last["files"] | last["weights"]).values()},
        "sessions": [(session["started"], commit_of(session["code"])) for session in sessions],
    }


def _code(session: dict) -> dict[str, str]:
    git = session["code"]["git"] or {}
    changed = git.get("changed") or []
    more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    facts = {"commit": (git.get("commit") or "")[:DIGITS], "branch": git.get("branch"),
             "changed since": ", ".join(changed[:NAMED]) + more, "files of code": session["code"]["sha256"][:DIGITS],
             "seed": str(session["seed"])}
    return {name: fact for name, fact in facts.items() if fact}


def _machine(found: dict) -> dict[str, str]:
    facts = found | {"memory_gib": f"{found['memory_gib']:.0f} GiB" if found.get("memory_gib") else None}
    return {name: str(fact) for key, name in MACHINE.items() if (fact := facts.get(key)) is not None}


def _packages(session: dict) -> dict[str, str]:
    """Those that read the data or compute."""
    main = {name for names in BEARING.values() for name in names} | {"numpy"}
    return {name: version or "none" for name, version in session["packages"].items() if name in main}
