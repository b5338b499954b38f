"""The samples of an epoch: each as often as it should come, with its own label, in a new order."""

from collections.abc import Iterator

import torch
from torch import Tensor

from utils.findings import Finding, of_some
from utils.health.watch import Watch, Watched
from utils.prediction import Predictions
from utils.structures import Batch

SIGMAS = 7  # that a share may be off by, before it is no chance
NEIGHBOURS, BATCHES = 100, 10  # draws, and batches, for their order to be no chance


class Samples(Watch):
    """Training: labels, visits, the weighted sampler's shares, and the order. Evaluation: every sample once."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        listed = {split: loader for split, loader in watched.loaders.items()
                  if not getattr(loader, "streamed", False)}
        self.targets = {split: loader.targets for split, loader in listed.items()}
        self.places = {split: {name: place for place, name in enumerate(loader.ids)}
                       for split, loader in listed.items()}
        # A sample that is listed twice cannot be told from its double.
        self.listed_once = {split: len(places) == len(self.targets[split]) for split, places in self.places.items()}

    def loaded(self, batch: Batch) -> None:
        if "train" not in self.places:  # see StreamedSamples
            return
        ids = [*batch.ids, *(name for name, _ in batch.bad)]
        places = [self.places["train"].get(name, -1) for name in ids]
        self.seen.setdefault("drawn", []).extend(places)
        self._name("strangers", [name for name, place in zip(ids, places) if place < 0])
        if self.listed_once["train"] and len(batch):
            listed = self.targets["train"][places[: len(batch)]]
            wrong = (listed != batch.targets.cpu()).flatten(1).any(dim=1) if listed.ndim > 1 else (
                listed != batch.targets.cpu())
            self._name("mislabelled", [name for name, is_wrong in zip(batch.ids, wrong.tolist()) if is_wrong])

    def _name(self, kind: str, names: list[str]) -> None:
        if names:
            self.seen.setdefault(kind, []).extend(names)

    def evaluated(self, split: str, predictions: Predictions) -> None:
        places = [self.places[split].get(name, -1) for name in predictions.ids]
        size, unread = len(self.targets[split]), len(self.places[split]) - len(set(places))
        whole = min(places) >= 0 and unread <= self.config.data.max_bad_clips * size and len(places) <= size
        if whole and self.listed_once[split]:
            whole = torch.equal(predictions.targets.cpu(), self.targets[split][places])
        self._name("not_its_own", [] if whole else [split])

    def of_evaluation(self) -> Iterator[Finding]:
        if splits := self.seen.pop("not_its_own", []):
            yield Finding("error", "evaluation-incomplete", f"{', '.join(splits)}: what was predicted is not each "
                          "sample of the split with its own label", "see what the evaluation goes through", len(splits))

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        yield from self.of_evaluation()
        if names := self.seen.pop("mislabelled", []):
            yield Finding("error", "mislabelled-batch", "training samples come with the labels of others",
                          "see how a batch is put together", **of_some(names))
        if names := self.seen.pop("strangers", []):
            yield Finding("error", "strange-samples", "the batches hold samples that are not in the training split",
                          "see which list the loader reads", **of_some(names))
        drawn = torch.tensor(self.seen.pop("drawn", []), dtype=torch.int64)
        if len(drawn) and int(drawn.min()) >= 0:
            yield from self._visits(drawn, self.watched.loaders["train"].order)
            yield from self._order(drawn)

    def _visits(self, drawn: Tensor, order) -> Iterator[Finding]:
        if not getattr(self.config.data, "use_weighted_sampler", False):
            visits = torch.bincount(drawn, minlength=len(self.targets["train"]))
            expected = torch.bincount(torch.as_tensor(order.visits), minlength=len(visits))
            if self.listed_once["train"] and not torch.equal(visits, expected):
                wrong = (visits != expected).nonzero().flatten()
                yield Finding("error", "not-every-sample", "an epoch does not visit each training sample as often as "
                              "it should", "see the order",
                              **of_some(self.watched.loaders["train"].ids[place] for place in wrong))
            return
        labels = self.targets["train"]
        counts = torch.bincount(labels).double()
        shares = counts ** (1 - self.config.data.sampler_power) * (counts > 0)
        shares /= shares.sum()
        found = torch.bincount(labels[drawn], minlength=len(counts)).double()
        off = (found - len(drawn) * shares).abs() > SIGMAS * (len(drawn) * shares * (1 - shares)).sqrt() + 1
        names = [name for name, wrong in zip(self.watched.labels.classes, off.tolist()) if wrong]
        if names:
            yield Finding("error", "sampler", f"--use-weighted-sampler: {', '.join(names)} are not drawn as often as "
                          f"--sampler-power {self.config.data.sampler_power:g} says", "see the "
                          "weights", **of_some(names))

    def _order(self, drawn: Tensor) -> Iterator[Finding]:
        """It is new in each epoch, and neighbours are of one class no more often than chance has it."""
        last = self.seen.get("last")
        self.seen["last"] = drawn
        batches = len(self.watched.loaders["train"].order)
        if last is not None and batches >= BATCHES and torch.equal(last, drawn):
            yield Finding("error", "same-order", "two epochs visit the training samples in the same order",
                          "the order must depend on the epoch")
        labels = self.targets["train"]
        if labels.ndim > 1 or len(drawn) < NEIGHBOURS:
            return
        of = labels[drawn]
        chance = float((torch.bincount(of).double() / len(of)).square().sum())
        same = float((of[1:] == of[:-1]).double().mean())
        if chance < 1 and abs(same - chance) > SIGMAS * (chance * (1 - chance) / len(of)) ** 0.5 + 0.05:
            yield Finding("error", "not-shuffled", f"neighbours in the training order are of one class in {same:.1%} "
                          f"of cases; shuffled they would be in {chance:.1%}", "shuffle the training samples")

