"""Counts of what a pass over a split met: samples seen, how each was cut, and those left out."""

import logging
from collections import Counter

from utils.distributed import common
from utils.structures import Batch

log = logging.getLogger("camxuc")


class Tally:
    """
    Args:
        split: its name, for messages.
        size: samples in the split.
        max_bad: share of `size` that may be unreadable.
        unit: what is counted: "clips", "reviews", or "draws" where a sample may come twice.
    """

    def __init__(self, split: str, size: int, max_bad: float, unit: str = "clips"):
        self.split, self.size, self.max_bad, self.unit = split, size, max_bad, unit
        self.seen = 0
        self.notes: Counter = Counter()
        self.bad: dict[str, str] = {}

    def add(self, batch: Batch) -> None:
        """
        Raises:
            UserError: more samples were unreadable than allowed.
        """
        self.seen += len(batch)
        self.notes.update(batch.notes)
        for clip, reason in batch.bad:
            if clip not in self.bad:
                log.warning("%s: left out %s: %s", self.split, clip, reason)
            self.bad[clip] = reason
        if len(self.bad) > self.max_bad * self.size:
            clip, reason = next(iter(self.bad.items()))
            raise common(f"{self.split}: {len(self.bad)} of {self.size} samples cannot be read, over "
                         f"--max-bad-clips {self.max_bad:g}; e.g. {clip}: {reason}")

    def shares(self) -> dict[str, float]:
        """Share of the samples seen that each note is true of."""
        return {note: count / max(self.seen, 1) for note, count in sorted(self.notes.items())}

    def __str__(self) -> str:
        shares = ", ".join(f"{note} {share:.1%}" if share >= 0.001 else f"{note} {self.notes[note]} of {self.seen}"
                           for note, share in self.shares().items())
        return f"{self.split}: {self.seen} {self.unit}{f' ({shares})' if shares else ''}, {len(self.bad)} left out"

    def state_dict(self) -> dict:
        return {"seen": self.seen, "notes": dict(self.notes), "bad": dict(self.bad)}

    def load_state_dict(self, state: dict) -> None:
        self.seen, self.notes, self.bad = state["seen"], Counter(state["notes"]), dict(state["bad"])
