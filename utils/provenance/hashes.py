"""Hashes of files."""

import hashlib
from pathlib import Path

LARGE = 100 * 2**20  # bytes; of a larger file the size, the head and the tail are hashed
END = 8 * 2**20  # bytes of head and of tail


def sha256(path: Path) -> str:
    """Of all that a file holds, however large.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hash(path: Path) -> str:
    """sha256 of what a file holds; `size-` and a sha256 where it is large.

    Raises:
        OSError: it cannot be read.
    """
    if (size := path.stat().st_size) <= LARGE:
        return sha256(path)
    with path.open("rb") as file:
        found = hashlib.sha256(file.read(END))
        file.seek(-END, 2)
        found.update(file.read())
        return f"{size}-{found.hexdigest()}"


def files_hash(contents: dict[str, bytes]) -> str:
    """sha256 over names and contents, by name."""
    found = hashlib.sha256()
    for name in sorted(contents):
        for part in (name.encode(), contents[name]):
            found.update(len(part).to_bytes(8, "big") + part)  # so that no byte can change sides
    return found.hexdigest()
