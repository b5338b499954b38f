"""What a training leaves: its files are those of the weights and the splits that they say."""

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open

from utils.distributed import unsharded
from utils.findings import Finding, of_some
from utils.health.watch import Watch
from utils.prediction import Predictions


class Results(Watch):
    """At the end: the scores are of the splits that they are filed under, the weights those that were scored."""

    def concluded(self, predictions: dict[str, Predictions], weights: Path) -> Iterator[Finding]:
        for split, said in predictions.items():
            own = set(self.watched.loaders[split].ids)
            if strange := [name for name in said.ids if name not in own]:
                yield Finding("error", "scores-of-another-split", f"samples that were scored as {split} are none of "
                              "its", "see which split is evaluated under which name", **of_some(strange))
        evaluated = (self.watched.averaged or self.watched.model).state_dict()
        with safe_open(weights, "pt") as file:
            saved = set(file.keys())
            other = sorted(name for name, value in evaluated.items()
                           if name not in saved or not torch.equal(file.get_tensor(name), unsharded(value).cpu()))
        if other:
            yield Finding("error", "other-weights-saved", f"{weights.name} does not hold the weights that were scored",
                          "see which network is saved at the end", **of_some(other))
