"""The loaders of the video task."""

import logging
import os
from pathlib import Path

import torch

from dataloaders.boxes import Boxes
from dataloaders.datasets import find_file, load_splits
from dataloaders.loader import Loader
from dataloaders.order import Order, class_weights
from dataloaders.video import VideoDataset, collate_clips
from utils.config import VideoConfig
from utils.errors import UserError
from utils.structures import Labels

log = logging.getLogger("camxuc")


def clip_loaders(config: VideoConfig, run_dir: Path, labels: Labels | None) -> tuple[dict[str, Loader], Labels]:
    """As build_loaders; see load_splits and Boxes for what is raised."""
    data, seed = config.data, config.train.seed
    splits = load_splits(data, seed)
    if labels and splits.classes != labels.classes:
        raise UserError(f"{run_dir}: was trained on {', '.join(labels.classes)}; the data have "
                        f"{', '.join(splits.classes)}")
    if data.bounding_box_body and not data.crop_body:
        log.warning("--bounding-box-body is not used without --crop-body")
    faces = _boxes(data.bounding_box_face, data.root_dir, "--bounding-box-face")
    bodies = _boxes(data.bounding_box_body, data.root_dir, "--bounding-box-body")
    everything = [clip.id for clips in splits.clips.values() for clip in clips]
    for boxes in (faces, bodies):
        if boxes and (warning := boxes.warn_if_few_match(everything)):
            log.warning(warning)
    workers = min(data.num_workers, os.cpu_count() or 1)
    loaders = {}
    for split, clips in splits.clips.items():
        training = split == "train" and labels is None
        dataset = VideoDataset(clips, data, seed, training, faces, bodies)
        weighted = training and data.use_weighted_sampler
        weights = class_weights([clip.label for clip in clips], data.sampler_power) if weighted else None
        order = Order(len(clips), data.batch_size, seed, training, weights)
        loaders[split] = Loader(dataset, order, collate_clips, workers, data.reader_timeout, torch.cuda.is_available())
    return loaders, Labels(splits.classes)


def _boxes(path, root, flag) -> Boxes | None:
    return Boxes(find_file(path, root, flag)) if path else None
