"""What the trials share: small inputs, forward passes that leave no trace, and measures of sameness."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.config import Config
from utils.findings import Finding
from utils.structures import Batch, Output

SAMPLES = 4  # of the first batch, at most
SAME = 1e-3  # of what tells samples apart: rounding stays a hundred times below
ROUNDING = 1e-5  # of the largest number: what differs by less is the same


@dataclass
class Bench:
    """A training before its first step, and what is tried on it."""

    config: Config
    task: object
    model: nn.Module
    objective: nn.Module
    batch: Batch  # as the loader gives it, on the device, SAMPLES at most
    device: torch.device

    def say(self, batch: Batch) -> Output:
        """The network in eval mode, without a gradient."""
        self.model.eval()
        with torch.no_grad():
            return self.model(batch)

    def noise(self, *shape: int, seed: int = 0) -> Tensor:
        """Uniform in 0..1, the same at each call."""
        return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).to(self.device)

    def clips(self, count: int = 2) -> Batch:
        """As the network gets them in evaluation: half real, half noise, so that no two samples or frames are alike."""
        def mixed(frames: Tensor | None, seed: int) -> Tensor | None:
            if frames is None:
                return None
            frames = frames[:, 0] if frames.dim() == 6 else frames  # one of SimCLR's windows
            side = self.config.data.image_size
            frames = frames[torch.arange(count) % len(frames)].float()  # (B, T, 3, H, W)
            frames = F.interpolate(frames.flatten(0, 1), (side, side)).unflatten(0, frames.shape[:2])
            return (frames / 2 + 127 * self.noise(*frames.shape, seed=seed)).round()

        return replace(self.batch, ids=[""] * count, targets=torch.arange(count, device=self.device), notes={}, bad=[],
                       face=mixed(self.batch.face, 1), context=mixed(self.batch.context, 2))

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Weights that start at 0 are drawn while entered: a branch that starts silent would hide what it does."""
        stream, kept = torch.Generator().manual_seed(7), []
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                if (weight.ndim > 1 or name.endswith("weight")) and not weight.any():
                    kept.append((weight, weight.clone()))
                    size = weight.shape[-1] ** 0.5 if weight.ndim > 1 else 1
                    weight.copy_(torch.randn(weight.shape, generator=stream) / size)
        try:
            yield
        finally:
            restore(kept)

    @contextmanager
    def changed(self, *weights: Tensor) -> Iterator[None]:
        """While entered, whatever is done to these is undone at the end."""
        kept = [(weight, weight.detach().clone()) for weight in weights]
        try:
            yield
        finally:
            restore(kept)


@torch.no_grad()
def restore(kept: list[tuple[Tensor, Tensor]]) -> None:
    for tensor, value in kept:
        tensor.copy_(value)


def rows(batch: Batch, places: list[int]) -> Batch:
    """Some samples of a batch, in this order."""
    tensors = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return replace(batch, ids=[batch.ids[place] for place in places],
                   **{name: value[places] for name, value in tensors.items() if isinstance(value, Tensor)})


def told(output: Output) -> dict[str, Tensor]:
    """What an Output says of each sample, (B, ...) by name."""
    named = {name: getattr(output, name) for name in ("logits", "embedding", "mention")}
    return {name: value.float() for name, value in named.items() if value is not None}


def same(one: Tensor, other: Tensor, scale: Tensor | None = None) -> bool:
    """Whether they are equal but for rounding, beside what tells the rows of `scale` apart."""
    if one.shape != other.shape or not (torch.isfinite(one).all() and torch.isfinite(other).all()):
        return False
    scale = one if scale is None else scale
    spread = float((scale - scale.mean(dim=0)).abs().max()) if len(scale) > 1 else 0.0
    return float((one - other).abs().max()) <= max(SAME * spread, ROUNDING * float(scale.abs().max()))


def close(one: Tensor | float, other: Tensor | float, tolerance: float = 1e-3) -> bool:
    """Whether two results of one formula agree."""
    one, other = (torch.as_tensor(value).detach().float().cpu() for value in (one, other))
    return bool(torch.allclose(one, other, rtol=tolerance, atol=tolerance))


def fault(name: str, text: str, look: str, level: str = "error") -> Finding:
    return Finding(level, f"trial-{name}", text, f"look at {look}; --force trains on")
