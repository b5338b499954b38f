"""The samples of an epoch that is streamed. They are too many to be listed, so sums stand for them."""

import zlib
from collections.abc import Iterator

import torch

from utils.findings import Finding
from utils.health.samples import NEIGHBOURS, SIGMAS
from utils.health.watch import Watch, Watched
from utils.id_sum import id_sum
from utils.structures import Batch

NONE = {"count": 0, "ids": 0, "bad": 0, "order": 0, "same": 0, "last": -1}


class StreamedSamples(Watch):
    """Training: each sample once, as many of each class as the pack tells of, in a new order, classes mixed."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        self.train = watched.loaders.get("train")
        if not getattr(self.train, "streamed", False):
            self.train = None
        self.labelled = watched.config.model.model != "simclr"  # whose targets are numbers

    def loaded(self, batch: Batch) -> None:
        if self.train is None:
            return
        seen = self.seen.setdefault("epoch", dict(NONE, classes=[0] * len(self.train.held.counts)))
        ids = [*batch.ids, *(name for name, _ in batch.bad)]
        seen["count"] += len(ids)
        seen["ids"] = id_sum(ids, seen["ids"])
        seen["bad"] += len(batch.bad)
        seen["order"] = zlib.crc32("\n".join(ids).encode(), seen["order"])
        if self.labelled and len(batch):
            self._classes(seen, batch.targets.tolist())

    def _classes(self, seen: dict, targets: list[int]) -> None:
        for before, target in zip([seen["last"], *targets], targets):
            seen["classes"][target] += 1
            seen["same"] += before == target
        seen["last"] = targets[-1]

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        seen, before = self.seen.pop("epoch", None), self.seen.get("order")
        if not seen:
            return
        self.seen["order"] = seen["order"]
        held, size = self.train.held, self.train.held.size
        known, counts = not seen["bad"], list(held.counts)  # a clip whose name is lost cannot be told from another
        if seen["count"] != size or known and seen["ids"] != held.ids:
            yield Finding("error", "not-every-sample", f"an epoch of the stream is {seen['count']} samples, and not "
                          f"each of {size} once", "see the lanes, and the shards of the pack",
                          abs(seen["count"] - size) or 1)
        elif self.labelled and known and seen["classes"] != counts:
            yield Finding("error", "mislabelled-batch", f"the stream's classes are {seen['classes']}, and the pack's "
                          f"{counts}", "see how a batch is put together")
        if before == seen["order"] and size >= NEIGHBOURS:
            yield Finding("error", "same-order", "two epochs visit the training samples in the same order",
                          "the order must depend on the epoch")
        if self.labelled and seen["count"] >= NEIGHBOURS:
            yield from self._mixed(seen)

    def _mixed(self, seen: dict) -> Iterator[Finding]:
        of = torch.tensor(seen["classes"]).double()
        total = float(of.sum())
        chance, same = float((of / total).square().sum()), seen["same"] / total
        if chance < 1 and abs(same - chance) > SIGMAS * (chance * (1 - chance) / total) ** 0.5 + 0.05:
            yield Finding("error", "not-shuffled", f"neighbours in the stream are of one class in {same:.1%} of "
                          f"cases; shuffled they would be in {chance:.1%}", "pack the clips again, which mixes them, "
                          "or take a larger --shuffle-buffer")
