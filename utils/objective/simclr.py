"""The terms of SimCLR: one of them at a time."""

from torch import Tensor

from utils.config import SimclrLossConfig
from utils.losses import MoCoLoss, NTXentLoss
from utils.objective.term import Term, Terms
from utils.representation import alignment, uniformity
from utils.structures import Batch, Output


class Contrast(Term):
    """Two views of a clip against all other views of the batch."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        return self.loss(output.projection, output.key)

    def stats(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        first, second = output.projection.detach(), output.key.detach()
        return {"alignment": alignment(first, second), "uniformity": uniformity(first)}


class Queue(Contrast):
    """A view against the momentum side's key of the other, and a queue of past keys; those of its own clip are left
    out."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        return self.loss(output.projection, output.key, batch.targets)


TERMS: Terms = {
    "ntxent": (lambda c: c.ssl == "simclr", lambda c, *_: Contrast(NTXentLoss(c.temperature), _always)),
    "moco": (lambda c: c.ssl == "moco", lambda c, *_: _queue(c)),
}


def _always(epoch: float) -> float:
    return 1.0


def _queue(config: SimclrLossConfig) -> Queue:
    return Queue(MoCoLoss(config.projection_width, config.moco_k, config.moco_t), _always)
