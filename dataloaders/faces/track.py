"""A face through time: boxes between sightings, and steady ones."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import TypeVar

from dataloaders.boxes import Box
from dataloaders.faces.pick import SAME, overlap

T = TypeVar("T")
Track = Iterable[Box | None]  # of each frame the box that was seen in it


def bridged(seen: Track, every: int, gap: int) -> Iterator[Box | None]:
    """The sightings, and a box for each frame between two that have at most `gap` frames between them.

    It moves evenly from the one to the other; where they do not overlap the nearer stands, since the film was cut.
    Beyond the last sighting before a longer gap, and before the first after it, it stands for the `every` - 1 frames
    that are not looked into.
    """
    reach = max(gap, every - 1)
    for around, here in _with_neighbours(seen, reach):
        before = next((step for step in range(here + 1) if around[here - step]), None)
        after = next((step for step in range(len(around) - here) if around[here + step]), None)
        if before == 0:
            yield around[here]
        elif before is not None and after is not None and before + after - 1 <= reach:
            yield _between(around[here - before], around[here + after], before / (before + after))
        else:
            near = min((step for step in (before, after) if step is not None), default=every)
            yield None if near >= every else around[here - before] if near == before else around[here + after]


def _between(a: Box, b: Box, share: float) -> Box:
    if overlap(a, b) < SAME:
        return a if share <= 0.5 else b
    return tuple(x + (y - x) * share for x, y in zip(a, b))


def smoothed(boxes: Track, reach: int) -> Iterator[Box | None]:
    """Each box as the mean of those up to `reach` frames away, near ones weighing more (a Gaussian of s.d. reach / 2).

    Only those of the same face count: up to the next frame without a box, or with one that does not overlap the last.
    """
    if not reach:
        yield from boxes
        return
    weights = [math.exp(-2 * (step / reach) ** 2) for step in range(reach + 1)]
    for around, here in _with_neighbours(boxes, reach):
        if around[here] is None:
            yield None
            continue
        sides = chain(_same_face(around[here:]), list(_same_face(around[here::-1]))[1:])
        weighed = [(weights[step], box) for step, box in sides]
        total = sum(weight for weight, _ in weighed)
        yield tuple(sum(weight * box[side] for weight, box in weighed) / total for side in range(4))


def _same_face(boxes: list[Box | None]) -> Iterator[tuple[int, Box]]:
    """Boxes and their places, from the first on, until the face is gone or is another."""
    last = boxes[0]
    for step, box in enumerate(boxes):
        if box is None or (step and overlap(last, box) < SAME):
            return
        yield step, box
        last = box


def follow(frames: Iterable[tuple[T, Box | None]], every: int, gap: int, smooth: int) -> Iterator[tuple[T, Box | None]]:
    """Frames with the boxes seen in them become frames with steady boxes, which are also where the face was lost.

    A few frames wait for those after them: `gap` (or `every` - 1, if more) + `smooth`, however many there are in all.
    """
    waiting: deque[T] = deque()

    def seen() -> Iterator[Box | None]:
        for frame, box in frames:
            waiting.append(frame)
            yield box

    for box in smoothed(bridged(seen(), every, gap), smooth):
        yield waiting.popleft(), box


def _with_neighbours(items: Iterable[T], reach: int) -> Iterator[tuple[list[T], int]]:
    """Each item's neighbours up to `reach` to both sides, itself among them, and its place in that list."""
    beyond = object()  # stands behind the last item
    around: deque = deque(maxlen=2 * reach + 1)
    for number, item in enumerate(chain(items, repeat(beyond, reach))):
        around.append(item)
        if number >= reach:
            near = [neighbour for neighbour in around if neighbour is not beyond]
            place = len(around) - 1 - reach
            if place < len(near):
                yield near, place
