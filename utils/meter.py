"""Means over an epoch, kept on the device so that no step waits for a number."""

import torch
from torch import Tensor


class Meter:
    """Weighted means by name. A name that is added now and then is averaged over when it was."""

    def __init__(self):
        self.sums: dict[str, Tensor] = {}
        self.weights: dict[str, Tensor | float] = {}

    def add(self, values: dict[str, Tensor | float], weight: Tensor | float = 1.0) -> None:
        """A weight that is a tensor may be 0: then a value need not be a number. What has no other weight in the epoch
        has no mean."""
        for name, value in values.items():
            if isinstance(value, Tensor) and isinstance(weight, Tensor):
                value = value.where(weight > 0, 0)
            value = torch.as_tensor(value).detach().float() * weight  # MPS has no float64
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.weights[name] = self.weights.get(name, 0.0) + weight

    def means(self) -> dict[str, float]:
        return {name: float(total) / float(self.weights[name]) for name, total in self.sums.items()
                if self.weights[name]}

    def state_dict(self) -> dict:
        return {"sums": dict(self.sums), "weights": dict(self.weights)}

    def load_state_dict(self, state: dict) -> None:
        self.sums, self.weights = dict(state["sums"]), dict(state["weights"])
