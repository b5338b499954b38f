"""A run folder as inference needs it: settings and classes first, weights when they are asked for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy  # noqa: F401  before torch, which would import it too, and swallow a Ctrl-C meanwhile
from torch import nn

from models import load_run_model, read_about
from utils.config import Config, SimclrConfig
from utils.errors import UserError
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
