"""Which frames of a clip are seen: TSN sampling (Wang et al., 2016, arXiv 1608.00859)."""

import numpy as np


def tsn_indices(frames: int, segments: int, duration: int, stream: np.random.Generator | None) -> list[int]:
    """`segments` x `duration` indices below `frames`, ascending.

    Each segment gives `duration` successive frames: from a random start with a `stream`, from its middle
    without. A clip with fewer frames than that is taken whole and its last frame repeated.
    """
    wanted = segments * duration
    if frames <= wanted:
        return [min(index, frames - 1) for index in range(wanted)]
    edges = np.linspace(0, frames - duration + 1, segments + 1)  # of the possible starts
    if stream is None:
        starts = ((edges[:-1] + edges[1:]) / 2).astype(int)
    else:
        starts = stream.uniform(edges[:-1], edges[1:]).astype(int)
    return [int(start) + step for start in starts for step in range(duration)]


def window_indices(frames: int, share: float, segments: int, duration: int, stream: np.random.Generator) -> list[int]:
    """tsn_indices of a window at a random place, all places being as likely.

    The window is the share of the frames, and not less than the wanted ones unless the clip itself is.
    """
    length = min(max(round(share * frames), segments * duration), frames)
    start = int(stream.integers(frames - length + 1))
    return [start + index for index in tsn_indices(length, segments, duration, stream)]
