"""What a model says about every sample of a split."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.config import Config
from utils.distributed import common
from utils.precision import choose_device, choose_precision
from utils.structures import Batch
from utils.tally import Tally


@dataclass
class Predictions:
    """Of N samples, in the order of the split."""

    ids: list[str]
    targets: Tensor  # (N,), or (N, A) of reviews
    logits: Tensor | None = None  # (N, C), or (N, A, S)
    mention: Tensor | None = None  # (N, A) logits
    embedding: Tensor | None = None  # (N, D)

    @property
    def probabilities(self) -> Tensor:
        return self.logits.softmax(dim=-1)

    @property
    def cross_entropy(self) -> float:
        """Mean over the targets that are classes; 0, if none is."""
        known = self.targets >= 0
        if not known.any():
            return 0.0
        return float(F.cross_entropy(self.logits[known], self.targets[known]))


KEPT = ("logits", "mention", "embedding")  # of an Output


@torch.no_grad()
def predict(model: nn.Module, batches: Iterable[Batch], device: torch.device, tally: Tally,
            dtype: torch.dtype | None = None) -> Predictions:
    """One pass in eval mode.

    Raises:
        UserError: nothing could be read, or the network's output is not finite.
    """
    was_training = model.training
    model.eval()
    ids, targets, kept = [], [], {name: [] for name in KEPT}
    for batch in batches:
        tally.add(batch)
        if not len(batch):
            continue
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            output = model(batch.to(device))
        said = [part for name in KEPT if (part := getattr(output, name)) is not None]
        if not all(torch.isfinite(part).all() for part in said):
            raise common(f"{tally.split}: the network's output is not finite, among {', '.join(batch.ids[:8])}; its "
                            "weights are damaged, or diverged")
        ids += batch.ids
        targets.append(batch.targets)
        for name, parts in kept.items():
            if (part := getattr(output, name)) is not None:
                parts.append(part.float().cpu())
    model.train(was_training)
    if not ids:
        raise common(f"{tally.split}: nothing could be read")
    return Predictions(ids, torch.cat(targets), **{name: torch.cat(parts) for name, parts in kept.items() if parts})


def predict_split(config: Config, model: nn.Module, loader, split: str) -> tuple[Predictions, Tally]:
    """One pass over a split, on the device and in the precision that the recipe names.

    Args:
        loader: a Loader, or its equal for reviews.
    """
    device = choose_device(config.train.device)
    tally = Tally(split, loader.size, config.data.max_bad_clips, loader.unit)
    dtype = choose_precision(config.train, device).dtype
    return predict(model.to(device), loader.epoch(0), device, tally, dtype), tally
