"""A run folder as inference needs it: settings and classes first, weights when they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy  # noqa: F401  before torch, which would import it too, and swallow a Ctrl-C meanwhile
import torch
from torch import nn

from models import load_run_model, read_about
from utils.config import Config, SimclrConfig
from utils.errors import UserError
from utils.precision import dtype_at_inference
from utils.recipe import config_of_run
from utils.structures import Labels


@dataclass(frozen=True)
class Run:
    """A finished run, or what was exported of one."""

    folder: Path
    config: Config
    labels: Labels

    @cached_property
    def network(self) -> nn.Module:
        """The network with the run's best weights.

        Raises:
            UserError: the weights are damaged, or do not fit config.yaml.
        """
        return load_run_model(self.folder, self.config)[0].eval()


def open_run(folder: Path) -> Run:
    """
    Raises:
        UserError: no run in the folder, no weights in it, or one that was pretrained without classes.
    """
    config = config_of_run(folder)
    if isinstance(config, SimclrConfig):
        raise UserError(f"{folder}: was pretrained without labels and knows no classes; train a recogniser from it "
                        f"with --init-from {folder}")
    return Run(folder, config, Labels(**read_about(folder)["labels"]))


def answering(run: Run, device: torch.device, onnx: bool,
              made: Callable[[], nn.Module]) -> tuple[nn.Module, torch.dtype | None]:
    """What answers, and in which precision: the run's ONNX file, or the network that is `made`, on the device."""
    if onnx:
        from inference.onnx import OnnxNetwork  # half a second to import, and seldom asked for

        return OnnxNetwork(run.folder), None
    return made().to(device), dtype_at_inference(run.config.train, device)
