"""What tells the samples of one split from those of another day: hashes of all, and a mark for each."""

import base64
import binascii
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

MARK = np.dtype([("id", "<u4"), ("label", "<u2"), ("content", "<u2")])  # 8 bytes a sample


@dataclass(frozen=True)
class Samples:
    """The samples of a split, in order: ids, labels in plain types, and what is known of each one's content.

    `of` names the contents: sizes of files, or texts.
    """

    ids: list[str]
    labels: list
    contents: list
    of: str

    def summary(self) -> dict:
        """The split's entry in provenance.json. No id or text stands in it."""
        ids, labels, contents = map(_digests, (self.ids, self.labels, self.contents))
        marks = np.zeros(len(ids), MARK)
        for name, digests in zip(MARK.names, (ids, labels, contents)):
            marks[name] = [int.from_bytes(digest[:4], "little") % (np.iinfo(MARK[name]).max + 1) for digest in digests]
        return {"count": len(ids), "of": self.of, "labels": _hash(ids, labels), "contents": _hash(ids, contents),
                "marks": base64.b64encode(marks.tobytes()).decode()}


@dataclass(frozen=True)
class Changes:
    """How the samples of a split differ: ids now and not then, then and not now; of those that stayed, how many have
    another label or content; and whether only their order is another. An id that stands twice counts twice."""

    added: int
    removed: int
    relabelled: int
    altered: int
    reordered: bool

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.relabelled or self.altered)


def changes(then: dict, now: dict) -> Changes:
    """Of two summaries. Numbers may be off by one in some ten thousand, for marks are short."""
    if all(then.get(key) == now[key] for key in ("count", "labels", "contents")):
        return Changes(0, 0, 0, 0, False)
    old, new = _marks(then), _marks(now)
    counts = Counter(old["id"].tolist()), Counter(new["id"].tolist())
    stayed = (counts[0] & counts[1]).total()
    added, removed = len(new) - stayed, len(old) - stayed
    relabelled, altered = (stayed - _common(old[["id", name]], new[["id", name]]) for name in ("label", "content"))
    return Changes(added, removed, relabelled, altered, not (added or removed or relabelled or altered))


def _common(old: np.ndarray, new: np.ndarray) -> int:
    return (Counter(old.tolist()) & Counter(new.tolist())).total()


def _marks(summary: dict) -> np.ndarray:
    """(N,) of MARK; none where they are damaged."""
    try:
        return np.frombuffer(base64.b64decode(summary.get("marks") or ""), MARK)
    except (binascii.Error, ValueError):
        return np.zeros(0, MARK)


def _digests(values: Iterable) -> list[bytes]:
    return [hashlib.sha256(json.dumps(value).encode()).digest() for value in values]


def _hash(*columns: list[bytes]) -> str:
    """Of rows, in order."""
    found = hashlib.sha256()
    for row in zip(*columns):
        found.update(b"".join(row))
    return found.hexdigest()
