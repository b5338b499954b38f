"""A recogniser in training on clips of random pixels, as deep as the real ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import torch

from dataloaders.datasets import CAER
from dataloaders.order import Order
from models import build_model
from trainer import Trainer
from utils.config import Config
from utils.objective import build_objective
from utils.recipe import load_config
from utils.structures import Batch, Labels
from utils.tasks import build_task

LABELS = Labels(list(CAER))


@dataclass
class RandomClips:
    """A loader of `steps` batches."""

    config: Config
    steps: int
    labels: Labels = LABELS
    unit: str = "clips"

    def __post_init__(self):
        self.size = self.steps * self.config.data.batch_size
        self.ids = [str(number) for number in range(self.size)]
        self.targets = torch.arange(self.size) % len(self.labels.classes)
        self.order = Order(self.size, self.config.data.batch_size, 0, shuffle=False)

    def __len__(self) -> int:
        return self.steps

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        data = self.config.data
        for places in torch.arange(self.size).split(data.batch_size)[start:]:
            shape = (len(places), data.num_segments, 3, data.image_size, data.image_size)
            face, context = (torch.randint(0, 256, shape, dtype=torch.uint8) for _ in range(2))
            yield Batch(self.targets[places], [self.ids[place] for place in places], face, context)


def trainer_on_random_clips(recipe: str, flags: list[str], steps: int = 4, folder: Path = Path(gettempdir()),
                            labels: Labels = LABELS, watches: tuple | None = ()) -> Trainer:
    """What `main.py train` would train, with random weights where no flag says otherwise."""
    config = load_config(recipe, ["--clip-pretrained", "none", *flags])
    model = build_model(config, labels)
    with torch.no_grad():
        objective = build_objective(config, model.class_features(), labels)
    loaders = {"train": RandomClips(config, steps, labels)}
    watched = {} if watches is None else {"watches": watches}
    trainer = Trainer(config, build_task(config, labels), model, objective, loaders, folder, **watched)
    trainer.model.train()
    trainer.objective.train()
    return trainer
