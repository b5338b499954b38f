"""The loaders of the text task: reviews from tables to token ids."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import AutoConfig, PreTrainedTokenizerFast

from dataloaders.datasets import annotations, root_of
from dataloaders.demo_reviews import generate_reviews
from dataloaders.encoder_card import warn_if_tuned_on
from dataloaders.loader import BadSample, Loader
from dataloaders.order import Draw, Order
from dataloaders.reviews import Review, encode_labels, label_names, read_reviews
from dataloaders.tokenizer import check_ids_fit, load_tokenizer, train_tokenizer
from dataloaders.workers import workers_of
from utils.checkpoint import has_last
from utils.config import TextConfig
from utils.distributed import rank
from utils.errors import UserError, first_line
from utils.seeding import SPLIT, generator
from utils.structures import NOT_MENTIONED, Batch, Labels

__all__ = ["ReviewDataset", "collate_reviews", "load_run_tokenizer", "load_tokenizer", "review_loaders", "tokenize"]

log = logging.getLogger("camxuc")

WIDTH = 8  # tokens; matrix products are prepared anew for each shape, so there should be few
NOT_MENTIONED_CLASS = "not mentioned"  # with --unmentioned class


@dataclass
class Sample:
    """One review's tokens, and the sentiment of each aspect."""

    id: str
    targets: np.ndarray  # (A,)
    tokens: list[int]
    notes: Counter = field(default_factory=Counter)


class ReviewDataset(Dataset):
    """Reviews of one split, as tokens. A blank one is a BadSample."""

    unit = "reviews"

    def __init__(self, reviews: list[Review], targets: np.ndarray, tokenizer: PreTrainedTokenizerFast, prefix: str,
                 max_tokens: int):
        self.reviews, self.targets, self.tokenizer = reviews, targets, tokenizer  # targets (N, A)
        self.ids = [review.id for review in reviews]
        self.tokens, self.lengths = tokenize(tokenizer, [review.text for review in reviews], prefix, max_tokens)
        self.blank = np.array([not review.text.strip() for review in reviews], dtype=bool)
        self.max_tokens = max_tokens

    def __len__(self) -> int:
        return len(self.reviews)

    def __getitem__(self, draw: Draw) -> Sample | BadSample:
        index = draw.index
        if self.blank[index]:
            return BadSample(self.ids[index], "a blank comment")
        cut = Counter({"truncated": int(self.lengths[index] > self.max_tokens)})
        return Sample(self.ids[index], self.targets[index], self.tokens[index], cut)

    def example(self, index: int) -> str:
        return self.reviews[index].text

    def describe_lengths(self) -> str:
        """How long the reviews are, and how many are cut off."""
        lengths = self.lengths[~self.blank]
        if not len(lengths):
            return "all blank"
        cut = int((lengths > self.max_tokens).sum())
        return (f"{lengths.mean():.0f} tokens in the mean, 99 % at most {np.percentile(lengths, 99):.0f}, the longest "
                f"{lengths.max()}; {cut} of {len(lengths)} are cut off at --max-tokens {self.max_tokens}")


def tokenize(tokenizer: PreTrainedTokenizerFast, texts: list[str], prefix: str, max_tokens: int,
             ) -> tuple[list[list[int]], np.ndarray]:
    """Ids of each text, at most `max_tokens` with the closing one kept; and the numbers of tokens before the cut."""
    ids = tokenizer([prefix + text for text in texts], verbose=False)["input_ids"] if texts else []
    lengths = np.array([len(row) for row in ids], dtype=np.int64)
    return [row if len(row) <= max_tokens else [*row[: max_tokens - 1], row[-1]] for row in ids], lengths


def collate_reviews(samples: list[Sample | BadSample], padding: int) -> Batch:
    """Pad to the longest review, and on to a multiple of WIDTH. All may be bad: then the batch is empty."""
    good = [sample for sample in samples if isinstance(sample, Sample)]
    longest = -(-max((len(sample.tokens) for sample in good), default=0) // WIDTH) * WIDTH
    tokens = torch.full((len(good), longest), padding)
    mask = torch.zeros(len(good), longest, dtype=torch.int64)
    for row, sample in enumerate(good):
        tokens[row, : len(sample.tokens)] = torch.tensor(sample.tokens)
        mask[row, : len(sample.tokens)] = 1
    return Batch(
        targets=torch.from_numpy(np.array([sample.targets for sample in good], dtype=np.int64)),
        ids=[sample.id for sample in good],
        tokens=tokens,
        mask=mask,
        notes=sum((sample.notes for sample in good), Counter()),
        bad=[(sample.id, sample.reason) for sample in samples if isinstance(sample, BadSample)],
    )


def review_loaders(config: TextConfig, run_dir: Path, labels: Labels | None) -> tuple[dict[str, Loader], Labels]:
    """As build_loaders. `run_dir` keeps the tokenizer, so that a run can be used without its encoder's folder."""
    data, seed = config.data, config.train.seed
    by_class = config.loss.unmentioned == "class"
    names = (labels.aspects, labels.classes[:-1] if by_class else labels.classes) if labels else None
    splits, files, (aspects, sentiments) = load_reviews(config, names)
    targets = {split: encode_labels(reviews, aspects, sentiments, files[split]) for split, reviews in splits.items()}
    mentions = (targets["train"] != NOT_MENTIONED).sum(axis=0)
    log.info("aspects, and training reviews that mention them: %s",
             ", ".join(f"{name} {count}" for name, count in zip(aspects, mentions)))
    tokenizer = _tokenizer(config, run_dir, trained=labels is not None,
                           texts=(review.text for review in splits["train"]))
    loaders = {}
    for split, reviews in splits.items():
        training = split == "train" and labels is None
        dataset = ReviewDataset(reviews, targets[split], tokenizer, config.model.prefix, data.max_tokens)
        log.info("%s: %d reviews, %s", split, len(reviews), dataset.describe_lengths())
        repeats = oversampled(targets[split], dataset.blank, data.oversample) if training and data.oversample else None
        order = Order(len(reviews), data.batch_size, seed, training, repeats=repeats, lengths=dataset.lengths)
        collate = partial(collate_reviews, padding=tokenizer.pad_token_id)
        loaders[split] = Loader(dataset, order, collate, workers_of(data), data.reader_timeout,
                                torch.cuda.is_available())
        if training:
            labels_found = count_labels(targets[split], dataset.blank, repeats, aspects, sentiments, by_class)
    labels = labels or labels_found
    if labels.unrated and config.loss.unmentioned != "ignore":
        log.warning("%s: never has a sentiment, so with --unmentioned %s it is learned as never mentioned",
                    ", ".join(labels.unrated), config.loss.unmentioned)
    return loaders, labels


def load_reviews(config: TextConfig, names: tuple[list[str], list[str]] | None = None,
                 ) -> tuple[dict[str, list[Review]], dict[str, str], tuple[list[str], list[str]]]:
    """The reviews of each split that the recipe names, their files, and the aspects and sentiments.

    `train` and `val` are always there. The names are those given, else the recipe's or the training split's; the
    other splits may hold no more, and a wide table must have a column for each aspect.
    """
    data = config.data
    if data.dataset == "demo_reviews":
        if data.root_dir is None:
            raise UserError("demo_reviews: --root-dir is where its tables are written")
        generate_reviews(data.root_dir)
    tables = annotations(data, root_of(data) if data.root_dir else None)
    if "train" not in tables:
        raise UserError("--train-annotation is missing: give the table of training reviews")
    files = {split: str(path) for split, path in tables.items()}
    asked = names or (data.aspects, data.sentiments)
    splits = {"train": read_reviews(tables.pop("train"), data.text_column, *asked)}
    names = names or label_names(splits["train"], *asked, files["train"])
    splits |= {split: read_reviews(path, data.text_column, *names) for split, path in tables.items()}
    if data.val_fraction and "val" in splits:
        log.warning("--val-fraction %g is not used: there is a validation split", data.val_fraction)
    elif data.val_fraction:
        train = splits["train"]
        places = generator(config.train.seed, SPLIT).permutation(len(train))[: round(len(train) * data.val_fraction)]
        held_out = set(places.tolist())
        splits["val"] = [review for i, review in enumerate(train) if i in held_out]
        splits["train"] = [review for i, review in enumerate(train) if i not in held_out]
        files["val"] = files["train"]
        if not splits["train"]:
            raise UserError(f"--val-fraction {data.val_fraction:g}: leaves none of {len(train)} reviews to train on")
    if not splits.get("val"):
        raise UserError("no validation reviews: give --val-annotation FILE, or --val-fraction 0.1 to hold out "
                        "training reviews")
    return splits, files, names


def oversampled(targets: np.ndarray, blank: np.ndarray, power: float) -> np.ndarray:
    """How often each review (N) is visited: (most frequent / own rarest sentiment) ** power, rounded.

    A blank one is visited once, and counts for nothing.
    """
    read = targets[~blank]
    counts = np.bincount(read[read >= 0], minlength=max(targets.max() + 1, 1)).clip(min=1)
    rarest = np.where(targets >= 0, counts[targets.clip(min=0)], counts.max()).min(axis=1)  # (N,)
    repeats = np.where(blank, 1, np.rint((counts.max() / rarest) ** power)).astype(np.int64)
    log.info("oversampling: %d training reviews are drawn %d times an epoch", len(repeats), repeats.sum())
    return repeats


def count_labels(targets: np.ndarray, blank: np.ndarray, repeats: np.ndarray | None, aspects: list[str],
                 sentiments: list[str], by_class: bool) -> Labels:
    """What the training reviews (N, A) hold, as often as they are drawn."""
    drawn = np.repeat(targets, (1 if repeats is None else repeats) * ~blank, axis=0)
    counts = [int((drawn == number).sum()) for number in range(len(sentiments))]
    unrated = [aspect for aspect, column in zip(aspects, targets.T) if not (column >= 0).any()]
    if by_class:
        return Labels([*sentiments, NOT_MENTIONED_CLASS], aspects, unrated,
                      [*counts, int((drawn == NOT_MENTIONED).sum())])
    return Labels(sentiments, aspects, unrated, counts)


def _tokenizer(config: TextConfig, run_dir: Path, trained: bool, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """The run's own where it has been trained; else the encoder's, or for `tiny` one made of the training texts."""
    folder, encoder = run_dir / "tokenizer", config.model.encoder
    if encoder != "tiny" and config.data.benchmark and (not trained or Path(encoder).is_dir()):
        warn_if_tuned_on(encoder, config.data.benchmark)
    if trained or has_last(run_dir / "checkpoints"):
        return load_run_tokenizer(run_dir)
    if encoder == "tiny":
        tokenizer, rows = train_tokenizer(texts, config.model.vocab_size), config.model.vocab_size
    else:
        tokenizer, rows = load_tokenizer(encoder), _embedding_rows(encoder)
    check_ids_fit(tokenizer, rows, f"--encoder {encoder}")
    if rank() == 0:
        tokenizer.save_pretrained(folder)
    return tokenizer


def load_run_tokenizer(run_dir: Path) -> PreTrainedTokenizerFast:
    """
    Raises:
        UserError: the run has none.
    """
    folder = run_dir / "tokenizer"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; the run is not whole")
    return load_tokenizer(folder)


def _embedding_rows(encoder: str) -> int:
    try:
        return AutoConfig.from_pretrained(encoder, trust_remote_code=False).vocab_size
    except (OSError, ValueError) as error:
        raise UserError(f"--encoder {encoder}: {first_line(error)}") from None
