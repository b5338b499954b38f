"""Which code runs: a hash of every file of ours, and where git says that it stands."""

import hashlib
import os
import subprocess
from pathlib import Path

from utils.provenance.hashes import files_hash

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("commands", "models", "utils", "dataloaders")
SHORT = 16  # digits of a file's hash
PATIENCE = 5  # seconds that git is given


def code(root: Path = ROOT) -> dict:
    """`sha256` over names and contents of all files, `files` with a short hash of each, and `git`, if it knows them."""
    places = [*root.glob("*.py"), *(path for room in ROOMS for path in (root / room).rglob("*.py"))]
    contents = {path.relative_to(root).as_posix(): _read(path).replace(b"\r\n", b"\n")  # as git may check out
                for path in places}
    files = {name: hashlib.sha256(contents[name]).hexdigest()[:SHORT] for name in sorted(contents)}
    return {"sha256": files_hash(contents), "files": files, "git": git_state(root)}


def git_state(root: Path) -> dict | None:
    """Commit, branch, and what has been changed since; None without git or a repository of this very folder.

    `changed` names the files that differ from the commit, and code that git does not know; `diff` is a hash of them.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or not Path(top.decode().strip()).samefile(root):  # the project may lie in a repository of others
        return None
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    branch = _git(root, "symbolic-ref", "--short", "HEAD")
    tracked = _git(root, "diff", "HEAD", "--name-only", "-z") or b""
    unknown = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.py") or b""
    changed = sorted({name.decode(errors="replace") for name in (tracked + unknown).split(b"\0") if name})
    diff = None
    if changed:
        diff = files_hash({name: _read(root / name) for name in changed})
    commit, branch = (said.decode().strip() if said else None for said in (commit, branch))
    return {"commit": commit, "branch": branch, "dirty": bool(changed), "diff": diff, "changed": changed}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        return f"({error.strerror})".encode()


def _git(root: Path, *words: str) -> bytes | None:
    """What git says; None if it cannot."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, timeout=PATIENCE,
                              env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"})
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
