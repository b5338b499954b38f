"""Reviews as points of a plane: t-SNE of their embeddings, as inline SVG in the page's colours."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

LEAST, MOST = 5, 2000  # points: too few have no neighbourhoods, more take minutes
WIDTHS = 50  # components that t-SNE is given: distances hardly change by the rest, and cost
NEIGHBOURS = 30.0  # perplexity
SIZE, MARGIN = (560, 380), 8  # the SVG's own units
SHAPES = {
    "up": "M0-4.2L3.9 3H-3.9z",
    "down": "M0 4.2L3.9-3H-3.9z",
    "circle": "M-3.1 0a3.1 3.1 0 1 0 6.2 0a3.1 3.1 0 1 0-6.2 0z",
    "diamond": "M0-4.2L4.2 0L0 4.2L-4.2 0z",
    "square": "M-2.8-2.8h5.6v5.6h-5.6z",
    "bar": "M-4-1.4h8v2.8h-8z",
    "cross": "M-3-3.7L0-.7L3-3.7L3.7-3L.7 0L3.7 3L3 3.7L0 .7L-3 3.7L-3.7 3L-.7 0L-3.7-3z",
}
KNOWN = {name: mark for names, mark in {  # shape, CSS variable
    ("positive", "tích cực"): ("up", "--s3"),
    ("negative", "tiêu cực"): ("down", "--s2"),
    ("neutral", "trung tính"): ("circle", "--s1"),
}.items() for name in names}
OTHERS = (("square", "--s5"), ("bar", "--s6"), ("up", "--s6"), ("down", "--s5"), ("circle", "--s3"))


@dataclass
class Kind:
    """Reviews of one overall sentiment."""

    label: str
    shape: str
    hue: str  # a CSS variable
    count: int

    @property
    def path(self) -> str:
        return SHAPES[self.shape]


@dataclass
class Projection:
    """A drawing of `shown` of the `reviews`."""

    kinds: list[Kind]
    shown: int
    reviews: int
    svg: str


def overall(targets: Tensor, sentiments: int) -> Tensor:
    """(N,): the one sentiment that all of a review's rated aspects (N, A) have; S where they differ, S + 1 if none."""
    rated = targets >= 0
    lowest = targets.masked_fill(~rated, sentiments).amin(-1)
    highest = targets.masked_fill(~rated, -1).amax(-1)
    return torch.where(rated.any(-1), torch.where(lowest == highest, lowest, sentiments), sentiments + 1)


def plane(embedding: np.ndarray) -> np.ndarray | None:
    """(N, D) -> (N, 2) by t-SNE from their principal components; None of fewer than LEAST points, or of one place."""
    if len(embedding) < LEAST or embedding.shape[1] < 2 or not np.ptp(embedding, axis=0).max() > 0:
        return None
    components = min(WIDTHS, *embedding.shape)
    reduced = PCA(components, random_state=0).fit_transform(embedding)
    perplexity = min(NEIGHBOURS, (len(embedding) - 1) / 3)
    return TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(reduced)


def project(embedding: Tensor, targets: Tensor, sentiments: list[str]) -> Projection | None:
    """At most MOST reviews with finite embeddings (N, D), evenly spread over the split; None if `plane` has none."""
    places = embedding.isfinite().all(-1).nonzero().flatten().numpy()
    places = places[np.unique(np.linspace(0, len(places) - 1, min(MOST, len(places))).round().astype(int))]
    points = plane(embedding[places].double().numpy())
    if points is None or not np.isfinite(points).all():
        return None
    numbers = overall(targets, len(sentiments))[places].tolist()
    kinds = kinds_of(sentiments, Counter(numbers))
    return Projection([kind for kind in kinds if kind.count], len(places), len(embedding), draw(points, numbers, kinds))


def kinds_of(sentiments: list[str], counts: dict[int, int]) -> list[Kind]:
    """In the order of `overall`'s numbers."""
    unused = list(OTHERS)
    marks = [KNOWN.get(name.lower()) or (unused.pop(0) if unused else OTHERS[0]) for name in sentiments]
    labels = [f"all {name}" for name in sentiments] + ["mixed", "no sentiment"]
    return [Kind(label, *mark, counts.get(number, 0)) for number, (label, mark)
            in enumerate(zip(labels, [*marks, ("diamond", "--s4"), ("cross", "--muted")]))]


def draw(points: np.ndarray, numbers: list[int], kinds: list[Kind]) -> str:
    """An `<svg>`; both axes have the same scale, and later reviews lie above earlier ones, of whatever kind."""
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array(SIZE) - 2 * MARGIN
    scale = float(np.min(room / np.maximum(high - low, 1e-12)))
    centred = (points - (low + high) / 2) * scale + np.array(SIZE) / 2
    used = sorted(set(numbers))
    defined = "".join(f'<path id="kind-{number}" d="{kinds[number].path}" fill="var({kinds[number].hue})"/>'
                      for number in used)
    drawn = "".join(f'<use href="#kind-{number}" x="{x:.1f}" y="{y:.1f}"/>'
                    for number, (x, y) in zip(numbers, centred.tolist()))
    return f'<svg viewBox="0 0 {SIZE[0]} {SIZE[1]}"><defs>{defined}</defs><g fill-opacity=".75">{drawn}</g></svg>'
