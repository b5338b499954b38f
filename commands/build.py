"""What a recipe names, put together: data, network, objective, and the Trainer that they are handed to."""

import os
import shutil
from pathlib import Path

import numpy  # noqa: F401  before torch, which would import it too, and swallow a Ctrl-C meanwhile
import torch
from torch import nn

from dataloaders import build_loaders
from models import build_model
from trainer import Trainer
from utils.config import Config
from utils.errors import UserError
from utils.objective import build_objective
from utils.tasks import build_task


def build_trainer(config: Config, run_dir: Path) -> Trainer:
    loaders, labels = build_loaders(config, run_dir)
    model = build_model(config, labels)
    if config.train.compile:
        compile_towers(model)
    with torch.no_grad():
        objective = build_objective(config, model.class_features(), labels)
    return Trainer(config, build_task(config, labels), model, objective, loaders, run_dir)


def compile_towers(model: nn.Module) -> None:
    """In place: their weights keep their names, and copies of the model are not compiled.

    Raises:
        UserError: there is no compiler, which torch.compile needs on a GPU too.
    """
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        raise UserError("--compile: no C++ compiler here (c++, g++, clang++, or that of CXX); install one, or leave "
                        "it out")
    for tower in model.towers():
        tower.compile()
