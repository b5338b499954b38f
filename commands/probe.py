"""`main.py eval RUN --probe KIND`: what a run's frozen features are worth when few clips have labels.

Beside them, on the same labels, stand those of the network as it was before training, and plain pixels.
"""

import logging
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dataloaders import Loader, build_loaders
from dataloaders.subset import labelled_places
from models import build_model
from utils.config import ClipDataConfig, Config
from utils.errors import UserError
from utils.prediction import predict_split
from utils.probe import PROBES
from utils.structures import Batch, Labels, Output
from utils.tasks.clip_metrics import score

log = logging.getLogger("camxuc")

FRACTIONS = (0.01, 0.1, 1.0)  # of the training labels
DRAWS = 3  # of the labelled clips, where not all are
PIXELS = 16  # side that frames are averaged to


class Pixels(nn.Module):
    """The mean of a clip's frames, in PIXELS x PIXELS squares."""

    def forward(self, batch: Batch) -> Output:
        frames = batch.face.float().mean(dim=1) / 255 - 0.5  # (B, 3, H, W)
        return Output(embedding=F.adaptive_avg_pool2d(frames, PIXELS).flatten(1))


class SideBySide(nn.Module):
    """Several networks' features of one batch, each of unit length, in one row: the clips are read once."""

    def __init__(self, networks: dict[str, nn.Module]):
        super().__init__()
        self.networks = nn.ModuleDict(networks)
        self.widths: dict[str, int] = {}

    def forward(self, batch: Batch) -> Output:
        features = {name: F.normalize(network(batch).embedding.float(), dim=-1)
                    for name, network in self.networks.items()}
        self.widths = {name: part.shape[1] for name, part in features.items()}
        return Output(embedding=torch.cat(list(features.values()), dim=-1))

    def parted(self, embedding: Tensor) -> dict[str, Tensor]:
        """(N, D) of each network."""
        return dict(zip(self.widths, embedding.split(list(self.widths.values()), dim=-1)))


def probe(config: Config, run_dir: Path, model: nn.Module, labels: Labels, split: str, kind: str,
          loaders: dict[str, Loader] | None = None) -> list[dict]:
    """Scores on `split` of a classifier on frozen features: a row for each share of labels and kind of features.

    The share is --label-fraction; if that is 1, each of FRACTIONS.

    Args:
        loaders: of the run's data as they are, where they are there already.
    Raises:
        UserError: no such split, the training split, or a run that reads no clips.
    """
    if not isinstance(config.data, ClipDataConfig):
        raise UserError(f"{run_dir}: --probe takes the run of a network that sees clips")
    if split == "train":
        raise UserError("--probe: its classifier is fitted on the training split; score it on val or test")
    fractions = FRACTIONS if config.data.label_fraction == 1 else (config.data.label_fraction,)
    if loaders is None:
        loaders, _ = build_loaders(replace(config, data=replace(config.data, label_fraction=1.0)), run_dir, labels)
    if split not in loaders:
        raise UserError(f"{run_dir}: its recipe has no {split} split")
    networks = SideBySide({"this run": model, "before training": build_model(config, labels), "pixels": Pixels()})
    bank, queries = (predict_split(config, networks, loaders[name], name)[0] for name in ("train", split))
    if shared := set(bank.ids) & set(queries.ids):
        log.warning("the probe learns from %d of the clips that it is scored on, e.g. %s", len(shared), min(shared))
    parts = zip(networks.widths, networks.parted(bank.embedding).values(), networks.parted(queries.embedding).values())
    features = {name: (known, asked) for name, known, asked in parts}
    rows = []
    for fraction in fractions:
        draws = [labelled_places(bank.targets.tolist(), fraction, seed)
                 for seed in range(DRAWS if fraction < 1 else 1)]
        for name, (known, asked) in features.items():
            found = [score(PROBES[kind](known[places], bank.targets[places], asked, len(labels.classes)),
                           queries.targets, labels.classes) for places in draws]
            rows.append({"fraction": fraction, "labels": len(draws[0]), "features": name,
                         "war": [scores["war"] for scores in found], "uar": [scores["uar"] for scores in found]})
    return rows


def probe_table(rows: list[dict], kind: str, split: str) -> str:
    lines = [f"{kind} probe on {split}, mean ± s.d. of {DRAWS} draws of the labelled clips",
             f"{'labels':<16}{'features':<18}{'WAR':<16}UAR"]
    for row in rows:
        share = f"{row['fraction']:.3%}".rstrip("0%").rstrip(".") + f" % ({row['labels']})"
        lines.append(f"{share:<16}{row['features']:<18}{_spread(row['war']):<16}{_spread(row['uar'])}")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")
