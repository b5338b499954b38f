"""--cache-features: training on features of the frozen image tower, which are made once."""

import contextlib
import hashlib
import json
import logging
import shutil
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from dataloaders.features import read_features, write_features
from dataloaders.fingerprints import data_files
from dataloaders.loader import Loader
from dataloaders.workers import workers_of
from trainer import Trainer
from utils.alone import alone_in, is_taken
from utils.distributed import first
from utils.errors import UserError
from utils.provenance.hashes import file_hash

log = logging.getLogger("camxuc")

# Of the data's settings, those that what the tower sees depends on.
SETTINGS = ("streams", "missing_box", "centre_crop", "box_margin", "crop_body", "num_segments", "duration",
            "image_size")


def with_features(trainer: Trainer, run_dir: Path) -> dict[str, Loader]:
    """The trainer's loaders, those of train and val with features in the place of frames.

    They lie beside the run's folder, under a name that is made of all that they depend on: weights, clips, boxes,
    settings and precision. So runs that share these share them. The test split is not looked at before training ends.
    """
    folder = run_dir.parent / "features" / _name(trainer)
    cached = {}
    for split in ("train", "val"):
        loader = trainer.loaders[split]
        first(lambda: _make_missing(trainer, loader, folder, split))
        trainer.check_signals()  # one may have ended that before its time
        cached[split] = read_features(loader, folder, split) or loader
    log.info("features of the frozen image tower: %s", folder)
    return trainer.loaders | cached


def _make_missing(trainer: Trainer, loader: Loader, folder: Path, split: str) -> None:
    """Of several runs that need the same, one makes them and the others wait."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_taken(folder):
            log.info("%s: another run makes these features; waiting for it", folder)
        with alone_in(folder, give_up=lambda: trainer.interrupt.signal) as alone:
            if not alone:
                return
            for unfinished in folder.glob("tmp*"):  # of one that was killed
                shutil.rmtree(unfinished)
            if read_features(loader, folder, split) is None:
                _make(trainer, loader, folder, split)
    except OSError as error:
        raise UserError(f"{folder}: features cannot be written: {error.strerror}") from None


def _make(trainer: Trainer, loader: Loader, folder: Path, split: str) -> None:
    data, encoder, dtype = trainer.config.data, trainer.model.video.eval(), trainer.precision.dtype

    @torch.no_grad()
    def see(frames: Tensor) -> Tensor:
        with torch.autocast(trainer.device.type, dtype=dtype, enabled=dtype is not None):
            return encoder.see(frames.to(trainer.device))

    workers = workers_of(data)
    with (tqdm(total=loader.size, desc=f"features of {split}", leave=False, dynamic_ncols=True) as bar,
          contextlib.closing(write_features(loader, workers, data.reader_timeout, see, folder, split)) as made):
        for done in made:
            bar.update(done)
            if trainer.interrupt.signal:
                return


def _name(trainer: Trainer) -> str:
    """Changes with whatever the features depend on."""
    config, found = trainer.config, hashlib.sha256()
    for name, tensor in trainer.model.video.visual.state_dict().items():
        found.update(name.encode() + tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    clips = {split: [(clip.id, _stamp(clip.path)) for clip in trainer.loaders[split].dataset.clips]
             for split in ("train", "val")}
    files = {name: file_hash(path) for name, path in data_files(config).items()}
    settings = {name: getattr(config.data, name) for name in SETTINGS}
    tower = [config.model.clip_model, trainer.model.about(), str(trainer.precision.dtype)]
    found.update(json.dumps([clips, files, settings, tower], sort_keys=True).encode())
    return found.hexdigest()[:16]


def _stamp(path: Path) -> list:
    """Names, sizes and times of writing: of the file, or of those in a folder, whose own time does not tell of them."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    except OSError:
        return []
