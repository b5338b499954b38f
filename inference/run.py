"""A run folder as inference needs it: settings and classes first, weights when they are asked for."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from torch import nn

from models import load_run_model, read_about
from utils.config import Config, SimclrConfig
from utils.errors import UserError
from utils.recipe import load_config
from utils.report.frame import read_config
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
    if not (folder / "config.yaml").is_file():
        raise UserError(f"{folder}: no run; give the folder of a finished one, with its config.yaml")
    config = load_config(str(folder / "config.yaml"))
    config = replace(config, recipe=read_config(folder / "config.yaml")[0])
    if isinstance(config, SimclrConfig):
        raise UserError(f"{folder}: was pretrained without labels and knows no classes; train a recogniser from it "
                        f"with --init-from {folder}")
    return Run(folder, config, Labels(**read_about(folder)["labels"]))
