"""What losses remember: MoCo's queue, and GHM's bins."""

from collections.abc import Iterator

import torch
from torch import Tensor

from utils.findings import Finding
from utils.health.watch import Step, Watch, Watched, taken
from utils.losses import GHMCLoss, MoCoLoss

ONE_BIN = 0.98  # share of the cells
STALE = 0.5  # of the way from a key to what is at right angles to it
LEAST = 3  # steps


def losses(watched: Watched, kind: type) -> list:
    return [module for module in watched.objective.modules() if isinstance(module, kind)]


class Queue(Watch):
    """MoCo's queue: that it fills and turns over, and how much of it is of a sample's own class, and how old."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        self.queue = next(iter(losses(watched, MoCoLoss)), None)
        self.key: Tensor | None = None  # of this step
        self.of_texts = getattr(self.config.loss, "moco_keys", "") == "text"

    def before(self, number: int, steps: int, looking: bool) -> None:
        if self.queue is not None and "start" not in self.seen:
            self.seen["start"] = torch.stack((self.queue.count, self.queue.pointer))

    def forward(self, step: Step) -> None:
        if (queue := self.queue) is not None:
            same = (step.batch.targets[:, None] == queue.queue_labels).float().mean()  # -1 where nothing has been put
            same = same * queue.queue_size / queue.count.clamp(min=1)
            self.add_of_step(steps=1, same=same, put=min(len(step.batch), queue.queue_size))
            if self.of_texts:
                self.key = step.output.key.detach().float()  # (C, D)

    def gradients(self, norm: Tensor) -> None:
        super().gradients(norm)
        if self.key is not None:
            before = self.seen.get("key", torch.zeros_like(self.key)).to(norm.device)
            self.seen["key"], self.key = torch.where(norm.isfinite(), self.key, before), None

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        start = self.seen.pop("start", None)
        put, steps, same = (taken(self.seen, name) for name in ("put", "steps", "same"))
        if not put:
            return
        queue, (count, pointer), put = self.queue, start.tolist(), int(put)
        size, held = queue.queue_size, int(queue.count)
        row |= {"health_queue_same_class": same / steps, "health_queue_age": held * steps / put}
        if held != min(count + put, size) or int(queue.pointer) != (pointer + put) % size:
            yield Finding("error", "queue-stands-still", f"MoCo's queue holds {held} of {size} keys; it held {count}, "
                          f"and {put} samples have come since", "each step must put in the keys of its samples, once")
        keys, labels = queue.queue[:held], queue.queue_labels[:held]
        if not bool(((keys.norm(dim=-1) - 1).abs() <= 1e-3).all()):  # nor are they that are no numbers
            yield Finding("error", "queue-damaged", "MoCo's queue holds keys that are not of unit length",
                          "see what writes to it")
        yield from self._stale(keys, labels, row)

    def _stale(self, keys: Tensor, labels: Tensor, row: dict) -> Iterator[Finding]:
        """How far the keys of texts have moved since they were put in."""
        now = self.seen.pop("key", None)
        if now is None or not len(keys):
            return
        row["health_queue_drift"] = drift = 1 - float((keys * now.to(keys.device)[labels]).sum(dim=-1).mean())
        if drift > STALE:
            yield Finding("warning", "queue-stale", f"the keys in MoCo's queue have a cosine of {1 - drift:.2f} with "
                          "what the momentum encoder says of the same classes now",
                          "raise --moco-m, or shorten --moco-k")


class Bins(Watch):
    """GHM-C's bins of the gradient norm."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        self.losses = losses(watched, GHMCLoss)

    def before(self, number: int, steps: int, looking: bool) -> None:
        for loss in self.losses:
            if "updates" not in self.seen:
                self.seen["updates"] = loss.updates.sum()

    def forward(self, step: Step) -> None:
        shares = {name: share for name, share in step.report.stats.items() if name.startswith("ghm_g_bin_")}
        self.add_of_step(steps=1, **shares)

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        steps, before = taken(self.seen, "steps"), self.seen.pop("updates", None)
        shares = {name: taken(self.seen, name) / max(steps, 1) for name in sorted(self.seen)
                  if name.startswith("ghm_g_bin_")}
        for loss in self.losses:
            if steps >= LEAST and int(loss.updates.sum()) == int(before):
                yield Finding("error", "bins-stand-still", "GHM-C's bins were not updated in this epoch",
                              "the loss must be in training mode while it trains")
        if shares and max(shares.values()) > ONE_BIN:
            name = max(shares, key=shares.get)
            # All cells are alike at the start, and where nearly all is learned.
            yield Finding("note", "one-bin", f"{shares[name]:.1%} of the cells are in GHM-C's bin {int(name[-2:])} of "
                          f"{len(shares)}: all weights are then alike")
