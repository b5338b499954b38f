"""Which places of a picture speak for a score: Grad-CAM on an image tower.

The maps are products of gradient and activation, place by place (HiResCAM; Draelos and Carin, 2020, arXiv 2011.08891):
the towers for faces end in a layer that has weights of its own for each place, which Grad-CAM's mean over places
(Selvaraju et al., 2017, arXiv 1610.02391) would not see.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from open_clip.transformer import LayerNorm, LayerNormFp32
from torch import Tensor, nn
from torch.nn import functional as F


def last_map(tower: nn.Module, picture: Tensor) -> nn.Module:
    """The deepest layer of an image tower that still knows places.

    Of a ViT that is the norm at the entry of the last block: at its exit only the class token is read.

    Args:
        picture: (1, 3, H, W), to see what the layers give.
    """
    for transformer, blocks in (("transformer", "resblocks"), ("trunk", "blocks")):
        if (found := getattr(getattr(tower, transformer, None), blocks, None)) is not None and len(found):
            if (norm := getattr(found[-1], "ln_1", getattr(found[-1], "norm1", None))) is not None:
                return norm
    seen: list[nn.Module] = []

    def note(module: nn.Module, _, output) -> None:
        if isinstance(output, Tensor) and output.dim() == 4 and output.shape[-1] > 1 and output.shape[-2] > 1:
            seen.append(module)

    hooks = [module.register_forward_hook(note) for module in tower.modules()]
    try:
        with torch.no_grad():
            tower(picture)
    finally:
        for hook in hooks:
            hook.remove()
    return seen[-1]


@contextmanager
def heard(module: nn.Module) -> Iterator[list[Tensor]]:
    """What the module gives while this is entered."""
    outputs: list[Tensor] = []
    hook = module.register_forward_hook(lambda _, inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()


def heat(score: Callable[[], Tensor], layer: nn.Module, pictures: int, size: int) -> Tensor:
    """How much each pixel's place adds to a score, (N, size, size), from 0 to 1 at the strongest place of all.

    Args:
        score: runs the network on N pictures, and gives one number with a gradient.
        layer: within it, gives square maps (N, C, h, w), or (N, h, w, C) as Swin's, or tokens (N, L, C), open_clip's
            (L, N, C), of which the last are places.
        pictures: N.
    """
    with heard(layer) as outputs, torch.enable_grad():
        value = score()
    gradient = torch.autograd.grad(value, outputs[0], allow_unused=True)[0]
    if gradient is None:  # the score does not look at the pictures
        return torch.zeros(pictures, size, size)
    places = (gradient * outputs[0]).float()
    if places.dim() == 4:
        places = places.sum(dim=1 if places.shape[2] == places.shape[3] else 3)  # (N, h, w)
    else:
        tokens_first = len(places) != pictures or isinstance(layer, (LayerNorm, LayerNormFp32))  # open_clip's
        places = places.transpose(0, 1) if tokens_first else places  # (N, L, C)
        side = math.isqrt(places.shape[1])
        places = places.sum(dim=-1)[:, -side * side :].unflatten(1, (side, side))
    places = F.interpolate(places.clamp(min=0)[:, None], (size, size), mode="bilinear")[:, 0]
    return (places / places.max().clamp(min=1e-12)).detach().cpu()
