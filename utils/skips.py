"""Steps whose gradient is not finite: left out on the device, so that the host need not wait to know of them."""

from collections import deque

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version
from torch.nn.modules.batchnorm import _BatchNorm

from utils.distributed import common

IN_A_ROW, EVERY = 4, 16  # steps that end a training; steps between two questions to the device


class Skips:
    """Leaves out steps, counts them, and ends a training of which nothing else is left.

    A gradient scaler skips steps in its search for a scale, from 65536 down; they count only when it is at 1 or below.

    Args:
        model: its batch norms' statistics, which a forward pass has written, are taken back with a step.
        objective: as are the rows, keys and bins that its terms remember.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, model: nn.Module,
                 objective: nn.Module):
        self.optimizer, self.scaler, self.model, self.objective = optimizer, scaler, model, objective
        self.in_a_row = torch.zeros(())  # on the device, from the first step on
        self.counts: list[Tensor] = []  # in_a_row after each step since the device was asked
        self.ids: deque[list[str]] = deque(maxlen=EVERY + IN_A_ROW)  # of the samples of the last steps
        self._before: list[tuple[Tensor, Tensor]] = []  # what forward passes write to, and how it was

    def begin(self) -> None:
        """A step begins, before its forward passes."""
        norms = [module for module in self.model.modules() if isinstance(module, _BatchNorm)]
        written = [*self.objective.buffers(), *(buffer for norm in norms for buffer in norm.buffers())]
        self._before = [(buffer, buffer.clone()) for buffer in written]

    def step(self, norm: Tensor, ids: list[str]) -> Tensor:
        """The optimiser's step, unless the gradient's norm is not finite; whether it is."""
        finite = norm.isfinite()
        at_the_lowest_scale = self.scaler.scale(torch.ones_like(norm)) <= 1  # get_scale() would wait for the device
        self.in_a_row = torch.where(~finite & at_the_lowest_scale, self.in_a_row.to(norm.device) + 1, 0)
        self.counts.append(self.in_a_row)
        self.ids.append(ids)
        for buffer, before in self._before:
            buffer.copy_(torch.where(finite, buffer, before))
        self._before = []
        if getattr(self.optimizer, "_step_supports_amp_scaling", False):
            self.optimizer.found_inf = (~finite).float()  # which fused kernels read, and the scaler sets anew
            self.scaler.step(self.optimizer)
            # Fused kernels write to weights and do not say so, as all other writers do.
            increment_version([p for group in self.optimizer.param_groups for p in group["params"]])
        elif finite:  # LARS has no fused kernel: here the host waits
            self.scaler.step(self.optimizer)
        return finite

    def after(self, steps: int) -> None:
        """A step is done; look now and then, for the host has to wait then."""
        if steps % EVERY == 0:
            self.check(steps)

    def check(self, steps: int) -> None:
        """Asks the device; the host waits for the answer.

        Raises:
            UserError: too many steps in a row were left out since it was last asked.
        """
        counts = [count.to(self.in_a_row.device) for count in self.counts]  # those of a checkpoint come on the CPU
        counts = torch.stack(counts).int().tolist() if counts else [0]
        self.counts.clear()
        if (number := max(counts)) < IN_A_ROW:
            return
        since = len(counts) - counts.index(number) - 1  # steps after the last of them
        names = [name for ids in list(self.ids)[: len(self.ids) - since][-number:] for name in ids]
        raise common(f"step {steps - since}: the gradient of {number} steps in a row is not finite; samples in the "
                     f"batches: {', '.join(names[:32])}{', ...' * (len(names) > 32)}")

    def state_dict(self) -> dict:
        return {"in_a_row": self.in_a_row, "counts": list(self.counts), "ids": list(self.ids)}

    def load_state_dict(self, state: dict) -> None:
        self.in_a_row, self.counts = state["in_a_row"], list(state["counts"])
        self.ids = deque(state["ids"], self.ids.maxlen)
