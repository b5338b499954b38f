"""Batch norms that take the statistics of all processes' rows."""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def synchronise_norms(module: nn.Module, device: torch.device) -> None:
    """In place. Those in a part that says `takes_all_rows` are left as they are, for they see the whole batch."""
    for name, child in module.named_children():
        if not isinstance(child, _BatchNorm):
            if not getattr(child, "takes_all_rows", False):
                synchronise_norms(child, device)
        elif device.type == "cuda":
            from timm.layers import convert_sync_batchnorm  # torch's own loses the activations of timm's norms

            setattr(module, name, convert_sync_batchnorm(child))
        elif not isinstance(child, SyncBatchNormOnCPU):
            child.__class__ = type("SyncBatchNormOnCPU", (SyncBatchNormOnCPU, type(child)), {})


class SyncBatchNormOnCPU(_BatchNorm):
    """A batch norm, or timm's with an activation behind it. torch's SyncBatchNorm is for GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...)"""
        if not self.training:
            return super().forward(x)
        normed, mean, variance, count = _Normed.apply(x.to(torch.promote_types(x.dtype, torch.float32)), self.eps)
        if self.track_running_stats:
            self.num_batches_tracked += 1
            momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), momentum)
        if self.affine:
            shape = _along_channels(x)
            normed = normed * self.weight.view(shape) + self.bias.view(shape)
        for behind in ("drop", "act"):
            normed = getattr(self, behind, nn.Identity())(normed)
        return normed.to(x.dtype)


class _Normed(torch.autograd.Function):
    """x (B, C, ...) with the mean and variance of all processes' rows taken out; these, (C,) each, and their number.

    Ioffe and Szegedy, 2015 (arXiv 1502.03167), section 3.
    """

    @staticmethod
    def forward(ctx, x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        axes, shape = [0, *range(2, x.ndim)], _along_channels(x)
        count = _summed(x.new_tensor(x.numel() / x.shape[1]))
        mean = _summed(x.sum(axes)) / count
        centred = x - mean.view(shape)
        variance = _summed(centred.square().sum(axes)) / count
        scale = (variance + eps).rsqrt()
        normed = centred * scale.view(shape)
        ctx.save_for_backward(normed, scale, count)
        ctx.mark_non_differentiable(mean, variance, count)
        return normed, mean, variance, count

    @staticmethod
    def backward(ctx, gradient: Tensor, *_) -> tuple[Tensor, None]:
        normed, scale, count = ctx.saved_tensors
        axes, shape = [0, *range(2, normed.ndim)], _along_channels(normed)
        mean = _summed(gradient.sum(axes)) / count
        along = _summed((gradient * normed).sum(axes)) / count
        return scale.view(shape) * (gradient - mean.view(shape) - normed * along.view(shape)), None


def _along_channels(x: Tensor) -> list[int]:
    """The shape of (C,) beside (B, C, ...)."""
    return [1, -1, *[1] * (x.ndim - 2)]


def _summed(value: Tensor) -> Tensor:
    """Over all processes."""
    dist.all_reduce(value)
    return value
