"""Some reviews of a split, in the tokens that the network is given."""

import numpy as np
from transformers import PreTrainedTokenizerBase

from dataloaders.loader import Loader
from dataloaders.sentencepiece_model import BLANK
from utils.config import TextConfig
from utils.sheets import Piece, Sheet, Shown
from utils.structures import NO_POLARITY, NOT_MENTIONED, Labels

LONGEST = "the longest"
CHARACTERS = 1500  # shown of a text


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


def pieces(tokenizer: PreTrainedTokenizerBase, text: str, limit: int) -> list[Piece]:
    """The text, parted as `tokenize` does: at most `limit` tokens with the closing one kept, then what is cut off.

    A token that is not a stretch of the text, such as a byte of a sign, stands as the tokenizer calls it. So do all
    where a tokenizer does not tell its stretches: then nothing is said of what is cut off.
    """
    if not tokenizer.is_fast:
        ids = tokenizer(text, verbose=False)["input_ids"]
        kept = ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]
        names = tokenizer.convert_ids_to_tokens(kept)
        return [Piece(name, _kind(tokenizer, number)) for number, name in zip(kept, names)]
    coded = tokenizer(text, verbose=False, return_offsets_mapping=True)
    ids, spans = coded["input_ids"], coded["offset_mapping"]
    if len(ids) > limit:
        ids, spans = [*ids[: limit - 1], ids[-1]], [*spans[: limit - 1], spans[-1]]
    found, end = [], 0
    closing = [Piece(name, "special") for name in tokenizer.convert_ids_to_tokens(ids[-1:])]
    for number, (start, stop), name in zip(ids[:-1], spans, tokenizer.convert_ids_to_tokens(ids)):
        if name == BLANK:  # a blank of its own, said to lie on the letter that follows
            stop = start
        if stop > start > end:
            found.append(Piece(text[end:start], "gap"))
        inside = stop > start >= end and text[start:stop].strip()
        found.append(Piece(text[start:stop] if inside else name, _kind(tokenizer, number)))
        end = max(end, stop)
    rest = text[end:]
    if rest.strip() and len(coded["input_ids"]) > limit:
        dots = f" … and {len(rest) - CHARACTERS} characters more" if len(rest) > CHARACTERS else ""
        found.append(Piece(rest[:CHARACTERS] + dots, "cut"))
    elif rest:
        found.append(Piece(rest, "gap"))
    return [*found, *closing]


def _kind(tokenizer: PreTrainedTokenizerBase, number: int) -> str:
    if number == tokenizer.unk_token_id:
        return "unknown"
    return "special" if number in tokenizer.all_special_ids else "token"
