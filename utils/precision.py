"""Automatic mixed precision: which type a device gains from."""

from dataclasses import dataclass

import torch

from utils.config import TrainConfig
from utils.errors import UserError, first_line


@dataclass(frozen=True)
class Precision:
    """`dtype` of autocast, or None for float32; `scaled` if gradients need a scaler; `why` for the log."""

    dtype: torch.dtype | None
    scaled: bool
    why: str


def choose_precision(config: TrainConfig, device: torch.device) -> Precision:
    """bf16 where the device computes in it, else fp16 with a gradient scaler on CUDA, else float32."""
    if not config.use_amp:
        return Precision(None, False, "float32 (--no-use-amp)")
    if config.amp_dtype == "bf16":
        return Precision(torch.bfloat16, False, "bf16 autocast")
    if config.amp_dtype == "fp16":
        return Precision(torch.float16, True, "fp16 autocast with a gradient scaler")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision(torch.bfloat16, False, "bf16 autocast")
        return Precision(torch.float16, True, "fp16 autocast with a gradient scaler")
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return Precision(torch.bfloat16, False, "bf16 autocast")
    return Precision(None, False, f"float32: this {device.type} gains nothing from AMP")


def dtype_at_inference(config: TrainConfig, device: torch.device) -> torch.dtype | None:
    """That of training, but on a CPU float32: so that every CPU, and other runtimes, say the same."""
    return None if device.type == "cpu" else choose_precision(config, device).dtype


def choose_device(name: str) -> torch.device:
    """
    Raises:
        UserError: no such device here.
    """
    if name != "auto":
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
            raise UserError(f"--device {name}: {first_line(error)}") from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
