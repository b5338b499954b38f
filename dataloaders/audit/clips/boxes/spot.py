"""A box beside the size of the frame that it is of."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from dataloaders.audit.clips.expected import BoxTable
from dataloaders.audit.clips.looks import Look
from dataloaders.audit.clips.reading import header
from dataloaders.audit.clips.view import View
from dataloaders.clips import Clip

SIZED = 1500  # clips whose frames' size is looked up, at most
LEAST = 8  # clips with a box, below which statistics say little
SOME, MOST = 0.05, 0.5


@dataclass
class Spot:
    """A clip's box and its frame."""

    clip: Clip
    split: str
    box: tuple[float, float, float, float]
    width: int
    height: int


def spots_of(view: View, table: BoxTable, looks: list[Look]) -> Iterator[Spot]:
    """Boxes beside their frames' sizes: from headers, or of a clip that was decoded, or as most others of the split."""
    seen = {(one.split, one.index): one.size for one in looks if one.count}
    for name, split in view.splits.items():
        boxed = [(place, key) for place, clip in enumerate(split.clips) if (key := table.key(clip.id))]
        boxed = boxed[:: max(1, len(boxed) // SIZED)]
        sizes = {place: seen.get((name, place)) or _size(view, split.clips[place]) for place, _ in boxed}
        usual = Counter(size for size in sizes.values() if size).most_common(1)
        for place, key in boxed:
            frames = list(table.frames(key).values())
            size = sizes[place] or (usual[0][0] if usual else None)
            if size and frames:
                yield Spot(split.clips[place], name, frames[len(frames) // 2], *size)


def _size(view: View, clip: Clip) -> tuple[int, int] | None:
    with view.reading(clip):
        return header(clip.path)[0]
