"""Some reviews of a split, in the tokens that the network is given."""

import numpy as np
from dataloaders.loader import Loader
from dataloaders.pieces import pieces
from utils.config import TextConfig
from utils.sheets import Sheet, Shown
from utils.structures import NO_POLARITY, NOT_MENTIONED, Labels

LONGEST = "the longest"


def review_sheet(config: TextConfig, split: str, loader: Loader, labels: Labels, per_class: int) -> Sheet:
    """The longest review, and some of each sentiment."""
    dataset = loader.dataset
    sentiments = labels.classes[:-1] if config.loss.unmentioned == "class" else labels.classes
    targets = dataset.targets  # (N, A)
    places = {LONGEST: [int(np.argmax(dataset.lengths))]}
    for number, name in enumerate(sentiments):
        rows = np.flatnonzero((targets == number).any(axis=1) & ~dataset.blank)
        rows = rows[~np.isin(rows, [place for of_group in places.values() for place in of_group])]
        places[name] = rows[np.linspace(0, len(rows) - 1, min(per_class, len(rows))).astype(int)].tolist()
    counts = {"sentiment": {name: int((targets == number).sum()) for number, name in enumerate(sentiments)},
              "aspect": {name: int((column != NOT_MENTIONED).sum()) for name, column in zip(labels.aspects, targets.T)}}
    if bare := int((targets == NO_POLARITY).sum()):
        counts["sentiment"]["mentioned, without one"] = bare
    prefix, limit = config.model.prefix, config.data.max_tokens
    groups = {name: [Shown(dataset.ids[place], _labels(targets[place], labels), _notes(dataset, place),
                           pieces=pieces(dataset.tokenizer, prefix + dataset.reviews[place].text, limit))
                     for place in of_group] for name, of_group in places.items()}
    return Sheet(split, dataset.unit, len(dataset), dataset.describe_lengths().capitalize() + ".", counts, groups)


def _labels(targets: np.ndarray, labels: Labels) -> list[str]:
    """(A,), those that are mentioned."""
    return [aspect if number == NO_POLARITY else f"{aspect} {labels.classes[number]}"
            for aspect, number in zip(labels.aspects, targets) if number != NOT_MENTIONED]


def _notes(dataset, place: int) -> list[str]:
    length = int(dataset.lengths[place])
    return [f"{length} tokens" + (f", cut to {dataset.max_tokens}" if length > dataset.max_tokens else "")]
