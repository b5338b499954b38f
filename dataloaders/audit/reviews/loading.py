"""What a loader of reviews hands out: each review when it should, with its own tokens, mask and labels."""

from collections import Counter
from itertools import islice

import numpy as np
import torch

from dataloaders.loader import Loader
from utils.findings import Finding, of_some
from utils.structures import NOT_MENTIONED, Batch

BATCHES = 200  # that the quick check reads
MANY = 100  # samples from which an order can be told from chance
BUG = "this is a fault of the loader: report it"


def audit_order(split: str, loader: Loader, power: float, batch_size: int) -> list[Finding]:
    """An epoch visits each review as often as it should; training in a new random order each time."""
    epochs = [[[draw.index for draw in batch] for batch in loader.order.batches(epoch)] for epoch in (0, 1)]
    first, second = (np.array([index for batch in batches for index in batch]) for batches in epochs)
    expected = _repeats(loader.dataset, power) if split == "train" and power else np.ones(len(loader.dataset), int)
    visits = np.bincount(first, minlength=len(expected))
    findings = []
    if len(visits) != len(expected) or (visits != expected).any():
        wrong = np.flatnonzero(visits[: len(expected)] != expected)
        said = [f"row {loader.dataset.ids[i]}: {visits[i]} times, not {expected[i]}" for i in wrong]
        findings.append(Finding("error", "visits-wrong", f"{split}: an epoch visits {len(wrong)} of {len(expected)} "
                                "reviews more or less often than it should", BUG, **of_some(said)))
    sizes = sorted((len(batch) for batch in epochs[0]), reverse=True)
    if any(size != batch_size for size in sizes[:-1]) or sizes[-1:] > [batch_size]:
        findings.append(Finding("error", "batches-odd", f"{split}: batches are not of --batch-size {batch_size}", BUG))
    if split == "train":
        return findings + _not_shuffled(epochs, first, second, loader.dataset.lengths)
    if (first != np.arange(len(first))).any() and not findings:
        findings.append(Finding("warning", "not-as-listed", f"{split}: the reviews do not come in the table's order",
                                BUG))
    return findings


def _repeats(dataset, power: float) -> np.ndarray:
    """(most frequent / own rarest sentiment) ** power of each review, as --oversample says; 1 of a blank one."""
    counts = Counter(int(cell) for row, blank in zip(dataset.targets, dataset.blank) if not blank for cell in row
                     if cell >= 0)
    most = max(counts.values(), default=1)
    rarest = [min((counts[int(cell)] or 1 for cell in row if cell >= 0), default=most) for row in dataset.targets]
    return np.array([1 if blank else round((most / count) ** power) for count, blank in zip(rarest, dataset.blank)])


def _not_shuffled(epochs: list[list[list[int]]], first: np.ndarray, second: np.ndarray, lengths: np.ndarray,
                  ) -> list[Finding]:
    said, means = "", [lengths[batch].mean() for batch in epochs[0]]
    if len(first) >= MANY and np.array_equal(first, second):
        said = "the order is the same in every epoch"
    elif len(first) >= MANY and abs(np.corrcoef(np.arange(len(first)), first)[0, 1]) > 0.5:
        said = "the reviews come nearly as listed, not shuffled"
    elif len(epochs[0]) >= 10 and len({frozenset(b) for b in epochs[0]} & {frozenset(b) for b in epochs[1]}
                                      ) > len(epochs[0]) / 2 and len(epochs[0][0]) > 1:
        said = "the same reviews share a batch in every epoch"
    elif len(means) >= 20 and len(set(means)) > 10 and abs(np.sign(np.diff(means)).mean()) > 0.7:
        said = "the batches come by length"
    return [Finding("error", "not-shuffled", f"train: {said}", BUG)] if said else []


def audit_batches(split: str, loader: Loader, max_tokens: int, full: bool) -> list[Finding]:
    """Each row of a batch holds the tokens, the mask and the labels of the review whose id it has."""
    dataset = loader.dataset
    places = {name: place for place, name in enumerate(dataset.ids)}
    faults: dict[str, list[str]] = {"row-tokens": [], "row-mask": [], "row-label": [], "row-padding": []}
    seen, bad, cut = [], [], 0
    planned = [[d.index for d in b] for b in loader.order.batches(1)]  # a loader may be stuck at 0
    planned = planned if full else planned[:BATCHES]
    with torch.random.fork_rng(devices=[]):  # the DataLoader draws a number that training would miss
        batches = list(islice(loader.epoch(1), len(planned)))
    for batch in batches:
        for row, name in enumerate(batch.ids):
            _row_faults(batch, row, name, dataset, places[name], faults)
        seen += [places[name] for name in batch.ids]
        bad += [places[name] for name, _ in batch.bad]
        cut += batch.notes["truncated"]
    findings = [Finding("error", name, f"{split}: {len(rows)} of {len(seen)} rows of batches {FAULTS[name]}", BUG,
                        **of_some(f"row {row}" for row in rows)) for name, rows in faults.items() if rows]
    blank = {place for batch in planned for place in batch if not dataset.reviews[place].text.strip()}
    in_turn = [place for batch in planned for place in batch if place not in blank]
    wanted = Counter(in_turn)
    if seen != in_turn or set(bad) != blank:
        lost = wanted - Counter(seen)
        rows = [f"row {dataset.ids[place]}" for place in lost]
        findings.append(Finding("error", "batch-lost", f"{split}: {lost.total()} of {wanted.total()} reviews do not "
                                "come in their batches, or come in another order, or blank ones do come", BUG,
                                **of_some(rows) | {"count": lost.total() or 1}))
    if cut != (long := sum(dataset.lengths[place] > max_tokens for place in wanted.elements())):
        findings.append(Finding("warning", "cut-miscounted", f"{split}: {cut} reviews are counted as cut off at "
                                f"--max-tokens {max_tokens}, {long} are", BUG))
    return findings


FAULTS = {
    "row-tokens": "hold other tokens than the review's",
    "row-mask": "have a mask that does not cover the review's tokens, or covers more",
    "row-label": "have another review's labels",
    "row-padding": "are padded with another token than the tokenizer's",
}


def _row_faults(batch: Batch, row: int, name: str, dataset, place: int, faults: dict[str, list[str]]) -> None:
    own, mask = dataset.tokens[place], batch.mask[row].tolist()
    ids, width = batch.tokens[row].tolist(), len(mask)
    if ids[: len(own)] != own:
        faults["row-tokens"].append(name)
    if mask != [1] * len(own) + [0] * (width - len(own)):
        faults["row-mask"].append(name)
    if batch.targets[row].tolist() != dataset.targets[place].tolist() or batch.targets.min() < NOT_MENTIONED - 1:
        faults["row-label"].append(name)
    if set(ids[len(own):]) - {dataset.tokenizer.pad_token_id}:
        faults["row-padding"].append(name)
