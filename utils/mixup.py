"""Mixup (Zhang et al., 2018, arXiv 1710.09412) on whole clips."""

from dataclasses import replace

import numpy as np
import torch

from utils.distributed import fetched
from utils.structures import Batch


def mixup(batch: Batch, alpha: float, stream: np.random.Generator) -> Batch:
    """Blend every clip with another of the batch; one lam ~ Beta(alpha, alpha) for all of it.

    Both streams of a clip get the same partner and lam, so that face and context still agree.
    """
    if alpha == 0 or len(batch) < 2:
        return batch
    lam = float(stream.beta(alpha, alpha))
    partner = stream.permutation(len(batch))  # (B,)

    def blend(frames):
        return None if frames is None else frames.float().lerp(fetched(frames, partner, batch.shares).float(), 1 - lam)

    return replace(
        batch,
        face=blend(batch.face),
        context=blend(batch.context),
        other_targets=batch.targets[torch.from_numpy(partner).to(batch.targets.device, non_blocking=True)],
        lam=lam,
    )
