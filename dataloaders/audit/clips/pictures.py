"""A picture that the loader gives against the one that is expected: alike, or unlike in which way."""

import numpy as np

UNLIKE = 6.0  # mean difference in grey levels; other resampling and decoding make 2 at most

TELLING = 3.0  # below it, which way is nearer says nothing

WAYS = {
    "colours swapped (BGR for RGB)": lambda p: p[..., ::-1],
    "upside down": lambda p: p[..., ::-1, :, :],
    "mirrored": lambda p: p[..., ::-1, :],
    "turned by 180 degrees": lambda p: p[..., ::-1, ::-1, :],
    "turned by 90 degrees": lambda p: np.rot90(p, 1, (-3, -2)),
    "turned by 270 degrees": lambda p: np.rot90(p, 3, (-3, -2)),
    "grey": lambda p: np.repeat(p.mean(-1, keepdims=True), 3, -1),
    "negative": lambda p: 255 - p,
}


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.float32) - other.astype(np.float32)).mean())


def unlike(given: np.ndarray, expected: np.ndarray, limit: float = UNLIKE) -> str | None:
    """How pictures (..., S, S, 3) differ, in words; None where they do not.

    One of the WAYS is named when it brings them much nearer together, however little they differ.
    """
    far = distance(given, expected)
    known = {way: distance(change(given), expected) for way, change in WAYS.items()}
    best = min(known, key=known.get)
    if far > TELLING and known[best] < far / 3:
        return best
    return f"{far:.0f} grey levels off" if far > limit else None
