"""The loaders of the tasks that look at clips."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from dataloaders.datasets import Splits, find_file, load_splits
from dataloaders.lanes import Lanes
from dataloaders.lists import scan_unlabelled
from dataloaders.loader import Loader
from dataloaders.order import Order, class_weights
from dataloaders.packed import Pack
from dataloaders.patience import at_most
from dataloaders.shards import Place
from dataloaders.streamed import StreamedLoader
from dataloaders.subset import labelled_subset
from dataloaders.video import AugmentedDataset, PairDataset, VideoDataset, collate_clips
from dataloaders.workers import workers_of
from utils.config import ClipDataConfig, SimclrConfig, VideoConfig, flag
from utils.errors import UserError
from utils.structures import Labels

log = logging.getLogger("camxuc")

TaskLoaders = tuple[dict[str, Loader], Labels]


def clip_loaders(config: VideoConfig, run_dir: Path, labels: Labels | None) -> TaskLoaders:
    """As build_loaders; see load_splits and Boxes for what is raised."""
    data, splits = config.data, _load(config, run_dir, labels)
    if labels:
        return _loaders(config, splits)
    if splits.streamed:
        return _loaders(config, splits, AugmentedDataset)
    train = splits.clips["train"] = _labelled(config, splits)
    weights = class_weights([clip.label for clip in train], data.sampler_power) if data.use_weighted_sampler else None
    return _loaders(config, splits, VideoDataset if data.cache_features else AugmentedDataset, weights)


def simclr_loaders(config: SimclrConfig, run_dir: Path, labels: Labels | None) -> TaskLoaders:
    """As build_loaders; a training clip's target is its number, for no label may be learned from.

    For what is raised, see load_splits, Boxes and scan_unlabelled.
    """
    splits = _load(config, run_dir, labels)
    if labels:
        return _loaders(config, splits)
    folder = config.data.unlabelled
    if folder and splits.pack:
        raise UserError("--unlabelled FOLDER is not in a pack; give it or --packed")
    if folder:
        splits.clips["train"] = scan_unlabelled(folder)
        log.info("--unlabelled %s: %d videos and images", folder, len(splits.clips["train"]))
    elif not splits.streamed:
        splits.clips["train"] = [replace(clip, label=i) for i, clip in enumerate(splits.clips["train"])]
    return _loaders(config, splits, PairDataset)


def _load(config: VideoConfig | SimclrConfig, run_dir: Path, labels: Labels | None) -> Splits:
    splits = load_splits(config.data, config.train.seed, _packed(config.data) if config.data.packed else None)
    if labels and splits.classes != labels.classes:
        raise UserError(f"{run_dir}: was trained on {', '.join(labels.classes)}; the data have "
                        f"{', '.join(splits.classes)}")
    return splits


def _packed(data: ClipDataConfig) -> Splits:
    """What the pack holds. Training clips that are streamed need not lie in its folder."""
    pack = Pack(data.packed).serving(data)
    if not data.stream:
        return Splits(pack.classes, pack.clips(), pack)
    with at_most(data.reader_timeout, data.stream):
        Place(data.stream).check(pack.path.read_bytes())
    return Splits(pack.classes, pack.clips(but="train"), pack, pack.splits["train"])


def _labelled(config: VideoConfig, splits: Splits) -> list[Clip]:
    """The training clips whose labels may be used."""
    clips, fraction = splits.clips["train"], config.data.label_fraction
    chosen = labelled_subset(clips, fraction, config.train.seed)
    if fraction < 1:
        counts = Counter(clip.label for clip in chosen)
        log.info("--label-fraction %g: %d of %d training clips: %s", fraction, len(chosen), len(clips),
                 ", ".join(f"{name} {counts[label]}" for label, name in enumerate(splits.classes)))
    return chosen


def _loaders(config: VideoConfig | SimclrConfig, splits: Splits, training: type[VideoDataset] | None = None,
             weights: np.ndarray | None = None) -> TaskLoaders:
    """Every split as it is; but with a data set for training, the training clips are shuffled or drawn by weight."""
    data, seed = config.data, config.train.seed
    faces, bodies = boxes_of(data) if splits.pack is None else (None, None)
    everything = [clip.id for clips in splits.clips.values() for clip in clips]
    for boxes in (faces, bodies):
        if boxes and (warning := boxes.warn_if_few_match(everything)):
            log.warning(warning)
    workers = workers_of(data)
    loaders = {}
    if splits.streamed:
        loaders["train"] = _streamed(config, splits, training or VideoDataset, workers)
    for split, clips in splits.clips.items():
        kind = training if split == "train" else None
        dataset = (kind or VideoDataset)(clips, data, seed, faces, bodies, splits.pack)
        order = Order(len(clips), data.batch_size, seed, kind is not None, weights if kind else None)
        loaders[split] = Loader(dataset, order, collate_clips, workers, data.reader_timeout, torch.cuda.is_available())
    return loaders, Labels(splits.classes)


def _streamed(config: VideoConfig | SimclrConfig, splits: Splits, kind: type[VideoDataset],
              workers: int) -> StreamedLoader:
    """Of the training clips. Those of pairs are numbered."""
    data, seed = config.data, config.train.seed
    dataset = kind([], data, seed, pack=splits.pack)
    lanes = Lanes(tuple(shard.clips for shard in splits.streamed.shards), data.batch_size, seed, data.lanes,
                  data.shuffle_buffer)
    return StreamedLoader(dataset, lanes, Place(data.stream), splits.streamed, kind is PairDataset, workers,
                          data.reader_timeout, torch.cuda.is_available())


def boxes_of(data: ClipDataConfig) -> tuple[Boxes | None, Boxes | None]:
    """Of faces and of bodies."""
    given = {flag(name): getattr(data, name) for name in ("bounding_box_face", "bounding_box_body")}
    return tuple(Boxes(find_file(path, data.root_dir, name)) if path else None for name, path in given.items())
