"""Steps whose gradient is not finite: left out on the device, so that the host need not wait to know of them."""

from collections import deque

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from utils.distributed import common

IN_A_ROW, EVERY = 4, 16  # steps that end a training; steps between two questions to the device


class Skips:
    """Leaves out steps, counts them, and ends a training of which nothing else is left.

    A gradient scaler skips steps in its search for a scale, from 65536 down; they count only when it is at 1 or below.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler):
        self.optimizer, self.scaler = optimizer, scaler
        self.in_a_row: Tensor | None = None  # on the device
        self.ids: deque[list[str]] = deque(maxlen=EVERY + IN_A_ROW)  # of the samples of the last steps

    def step(self, norm: Tensor, ids: list[str]) -> Tensor:
        """The optimiser's step, unless the gradient's norm is not finite; whether it is."""
        finite = norm.isfinite()
        counts = ~finite & (self.scaler.scale(torch.ones_like(norm)) <= 1)
        before = torch.zeros_like(norm) if self.in_a_row is None else self.in_a_row.to(norm.device)  # of a checkpoint
        self.in_a_row = torch.where(counts, before + 1, 0)
        self.ids.append(ids)
        if getattr(self.optimizer, "_step_supports_amp_scaling", False):
            self.optimizer.found_inf = (~finite).float()  # which fused kernels read, and the scaler sets anew
            self.scaler.step(self.optimizer)
            # Fused kernels write to weights and do not say so, as all other writers do.
            increment_version([p for group in self.optimizer.param_groups for p in group["params"]])
        elif finite:  # LARS has no fused kernel: here the host waits
            self.scaler.step(self.optimizer)
        return finite

    def check(self, steps: int) -> None:
        """Asks the device, which waits for it.

        Raises:
            UserError: too many steps in a row were left out.
        """
        number = int(self.in_a_row) if self.in_a_row is not None else 0
        if number >= IN_A_ROW:
            names = [name for ids in list(self.ids)[-number:] for name in ids]
            raise common(f"step {steps}: the gradient of {number} steps in a row is not finite; samples in the "
                            f"batches: {', '.join(names[:32])}{', ...' * (len(names) > 32)}")

    def state_dict(self) -> dict:
        return {"in_a_row": self.in_a_row}

    def load_state_dict(self, state: dict) -> None:
        self.in_a_row = state["in_a_row"]
