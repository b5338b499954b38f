"""Known answers of the order in which samples are drawn. See utils/known_answers."""

import numpy as np

from dataloaders.order import Order, class_weights
from dataloaders.subset import labelled_places
from utils.known_answers.answer import Answer

ORDER = "dataloaders/order.py"


def visits(**settings) -> list[list[int]]:
    """An epoch's draws of 5 samples, by batches of 2: sorted, and how often each has been seen before."""
    order = Order(5, 2, 0, **settings)
    draws = [draw for batch in order.batches(1) for draw in batch]
    return [sorted(draw.index for draw in draws), sorted(draw.repeat for draw in draws),
            [len(batch) for batch in order.batches(1)], len(order)]


def shuffles() -> list[bool]:
    """Another order each epoch and seed, the same each time; as listed where it is not to shuffle."""
    def order(seed: int, epoch: int, shuffle: bool = True) -> list:
        return [draw.index for batch in Order(50, 7, seed, shuffle).batches(epoch) for draw in batch]

    return [order(0, 0) == order(0, 0), order(0, 0) != order(0, 1), order(0, 0) != order(1, 0),
            order(0, 0) != sorted(order(0, 0)), order(0, 3, False) == list(range(50))]


def weighted() -> list:
    """Only what has a weight is drawn, as often as there are samples; about as often as weights say: 3/4 of 400."""
    order = Order(400, 50, 0, True, np.array([3.0, 1.0] + [0.0] * 398))
    drawn = [draw.index for batch in order.batches(0) for draw in batch]
    return [len(drawn), set(drawn) == {0, 1}, 260 < drawn.count(0) < 340]


def by_length() -> list[bool]:
    """Batches of like lengths, each sample once, and not the shortest first."""
    lengths = np.arange(100)[::-1].copy()
    batches = [[draw.index for draw in batch] for batch in Order(100, 10, 0, True, lengths=lengths).batches(0)]
    firsts = [batch[0] for batch in batches]
    return [all(max(lengths[b]) - min(lengths[b]) == 9 for b in batches), len({i for b in batches for i in b}) == 100,
            firsts != sorted(firsts), firsts != sorted(firsts, reverse=True)]


ANSWERS = [
    Answer("Order, as listed", ORDER, lambda: visits(shuffle=False), [[0, 1, 2, 3, 4], [0] * 5, [2, 2, 1], 3]),
    Answer("Order, shuffled", ORDER, lambda: visits(shuffle=True), [[0, 1, 2, 3, 4], [0] * 5, [2, 2, 1], 3]),
    Answer("Order with repeats", ORDER, lambda: visits(shuffle=True, repeats=np.array([1, 2, 0, 3, 1])),
           [[0, 1, 1, 3, 3, 3, 4], [0, 0, 0, 0, 1, 1, 2], [2, 2, 2, 1], 4]),
    Answer("Order's shuffling", ORDER, shuffles, [True] * 5),
    Answer("Order by weight", ORDER, weighted, [400, True, True]),
    Answer("Order by length", ORDER, by_length, [True] * 4),
    Answer("class_weights", ORDER, lambda: [class_weights([0, 1, 1, 1, 1], power) for power in (1.0, 0.5)],
           [[1.0, 0.25, 0.25, 0.25, 0.25], [1.0, 0.5, 0.5, 0.5, 0.5]]),
    # 0.5 of 8 over 2 classes: two each, or what there is
    Answer("labelled_places", "dataloaders/subset.py",
           lambda: [[0, 0, 0, 0, 0, 0, 0, 1][place] for place in labelled_places([0] * 7 + [1], 0.5, 0)], [0, 0, 1]),
]
