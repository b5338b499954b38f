"""Known answers of labels and tokens of reviews. See utils/known_answers."""

import numpy as np

from dataloaders.label_cells import cell_sentiment, meaning, split_items
from dataloaders.reviews import Review, encode_labels
from dataloaders.text_dataloader import Sample, collate_reviews, count_labels, oversampled, tokenize
from utils.known_answers.answer import Answer

CELLS = "dataloaders/label_cells.py"


class Words:
    """A tokenizer: <s> 0, </s> 2, and a word's length plus 10."""

    def __call__(self, texts: list[str], verbose: bool) -> dict:
        return {"input_ids": [[0, *(10 + len(word) for word in text.split()), 2] for text in texts]}


def collated() -> list:
    """Padded with 1 to a multiple of 8, the mask 1 on tokens alone."""
    tokens, lengths = tokenize(Words(), ["a bb", "a b c d e"], "xxx ", 6)
    batch = collate_reviews([Sample(str(i), np.array([i, -1]), row) for i, row in enumerate(tokens)], 1)
    return [tokens, lengths, batch.tokens, batch.mask, batch.targets, batch.ids]


def counted() -> list:
    """Cells of each sentiment as often as drawn; an aspect that never has one is unrated. Sentiment 0 stands 3 times,
    1 once: a review of it is drawn 3 times."""
    targets = np.array([[0, -1, 0], [1, -2, -1], [0, -1, -1]])
    blank = np.zeros(3, bool)
    repeats = oversampled(targets, blank, 1.0)
    labels = count_labels(targets, blank, repeats, ["x", "y", "z"], ["p", "n"], by_class=True)
    ten = oversampled(np.array([[0]] * 9 + [[1]]), np.zeros(10, bool), 0.5)  # sqrt(9 / 1)
    return [repeats, labels.counts, labels.unrated, labels.classes, ten[-2:]]


ANSWERS = [
    Answer("meaning", CELLS, lambda: [meaning(word) for word in (" Tích  cực", "TIÊU CỰC", "Trung lập", "Meh")],
           ["positive", "negative", "neutral", "meh"]),
    Answer("cell_sentiment", CELLS,
           lambda: [cell_sentiment(cell, "") for cell in ("1", "2.0", "3", "0", "", "-", " Neutral ")],
           ["positive", "negative", "neutral", None, None, None, "Neutral"]),
    Answer("split_items", CELLS, lambda: split_items("{A#B# Positive };{ C#D}; {E};", ""),
           [["A#B", "Positive"], ["C#D", None], ["E", None]]),
    Answer("encode_labels", "dataloaders/reviews.py",
           lambda: encode_labels([Review("1", "", {"b": "Negative", "a": None})], ["a", "b", "c"],
                                 ["positive", "negative"], ""),
           [[-2, 1, -1]]),
    # xxx is the prefix; of 7 tokens and the ends 6 stay, the last of them the closing one
    Answer("reviews of a batch", "dataloaders/text_dataloader.py", collated,
           [[[0, 13, 11, 12, 2], [0, 13, 11, 11, 11, 2]], [5, 8],
            [[0, 13, 11, 12, 2, 1, 1, 1], [0, 13, 11, 11, 11, 2, 1, 1]],
            [[1, 1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0]], [[0, -1], [1, -1]], ["0", "1"]]),
    Answer("labels counted", "dataloaders/text_dataloader.py", counted,
           [[1, 3, 1], [3, 3, 1 + 3 + 2], ["y"], ["p", "n", "not mentioned"], [1, 3]]),
]
