"""Known answers of image towers: which pixels of an image count for how much, in evaluation."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.towers import FaceCNN, TimmTower
from utils.known_answers.answer import Answer


def drawn_nowhere(make: Callable[[], nn.Module]) -> nn.Module:
    """A module whose random weights leave torch's random state as it was."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return make()


@torch.no_grad()
def by_rule(fine_stem: bool) -> FaceCNN:
    """A convolution hands on its first channel, and its negative as the second, of which an activation leaves nothing.

    The stem reads red + 10 green + 100 blue; place p of the first channel counts p + 1, of the second 1000.
    """
    tower = drawn_nowhere(lambda: FaceCNN((2, 2, 2), 1, 0.0, fine_stem)).eval()
    for part in tower.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.zero_()
            part.weight[:, 0, 1, 1] = torch.tensor([1.0, -1.0])[: len(part.weight)]
    tower.stem[0].conv.weight[0, :, 1, 1] = torch.tensor([1.0, 10.0, 100.0])
    tower.embed.weight.copy_(torch.cat([torch.arange(1.0, 37.0), torch.full((36,), 1000.0)]))
    tower.norm.running_mean.fill_(941.0)
    tower.norm.weight.fill_(0.5)
    return tower


def picture() -> Tensor:
    """Black but for 1 of red at place 0, 2 of green at place 6 and 3 of blue at place 35; a place is 8 x 8 pixels."""
    image = torch.zeros(1, 3, 48, 48)
    image[0, 0, 0, 0], image[0, 1, 8, 0], image[0, 2, 40, 40] = 1.0, 2.0, 3.0
    return image


def of_picture() -> list:
    with torch.no_grad():
        return [by_rule(fine_stem)(picture())[0] for fine_stem in (False, True)]


def of_timm() -> list:
    """The trunk's feature times 2, and the mean and deviation of ImageNet's pixels, as timm says of this trunk."""
    tower = drawn_nowhere(lambda: TimmTower("face_cnn_s", 1, 48, False)).eval()
    tower.trunk, tower.project = by_rule(False), drawn_nowhere(lambda: nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        tower.project.weight.fill_(2.0)
        return [tower(picture())[0], tower.image_mean, tower.image_std]


ANSWERS = [
    # 1 x 1 + 20 x 7 + 300 x 36 = 10941; (10941 - 941) / 2
    Answer("FaceCNN", "models/towers.py", of_picture, [[5000.0], [5000.0]]),
    Answer("TimmTower", "models/towers.py", of_timm, [[10000.0], [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]),
]
