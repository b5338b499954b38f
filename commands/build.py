"""What a recipe names, put together: data, network, objective, and the Trainer that they are handed to."""

from pathlib import Path

import numpy  # noqa: F401  before torch, which would import it too, and swallow a Ctrl-C meanwhile
import torch

from dataloaders import build_loaders
from models import build_model
from trainer import Trainer
from utils.config import Config
from utils.objective import build_objective
from utils.tasks import build_task


def build_trainer(config: Config, run_dir: Path) -> Trainer:
    loaders, labels = build_loaders(config, run_dir)
    model = build_model(config, labels)
    with torch.no_grad():
        objective = build_objective(config, model.class_features(), labels)
    return Trainer(config, build_task(config, labels), model, objective, loaders, run_dir)
