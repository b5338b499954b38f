"""Which data the loaders hold: the files that were read, and every split's ids, labels and contents."""

import stat
from collections.abc import Callable
from pathlib import Path

from dataloaders.clips import Clip
from dataloaders.datasets import FILES, find_file
from dataloaders.loader import Loader
from dataloaders.packed import INDEX
from dataloaders.subset import labelled_subset
from utils.config import Config, flag
from utils.provenance import Samples


def data_files(config: Config) -> dict[str, Path]:
    """The lists, tables and box files that the loaders were made of, by setting."""
    data = config.data
    if getattr(data, "packed", None):  # its index holds the hashes of the others
        return {"packed": data.packed / INDEX}
    named = {name: path for name in FILES if (path := getattr(data, name, None))}
    return {name: find_file(path, data.root_dir, flag(name)) for name, path in named.items()}


def fingerprints(config: Config, loaders: dict[str, Loader], training: bool) -> dict[str, Samples]:
    """The samples of every split; of the training split those that are learned from.

    Args:
        training: whether the loaders were made to train. For others the training split is read as it is: it is cut
            to --label-fraction here. Beside --unlabelled it is not what was learned from, and is left out.
    """
    kind = config.model.model
    if not training and getattr(config.data, "unlabelled", None):
        loaders = {split: loader for split, loader in loaders.items() if split != "train"}
    return {split: _shards(loader) if loader.streamed else SAMPLES[kind](config, split, loader.dataset, training)
            for split, loader in loaders.items()}


def _shards(loader) -> Samples:
    """Of a stream, whose clips are too many to be listed: each shard stands for those in it."""
    shards = loader.held.shards
    return Samples([shard.name for shard in shards], [shard.clips for shard in shards],
                   [shard.digest for shard in shards], "shards")


def _clips(config: Config, split: str, dataset, training: bool) -> Samples:
    clips = dataset.clips
    if split == "train" and not training:
        clips = labelled_subset(clips, config.data.label_fraction, config.train.seed)
    return _of_clips(dataset, clips, [clip.label for clip in clips])


def _unlabelled_clips(config: Config, split: str, dataset, training: bool) -> Samples:
    """No label of the training split is learned from."""
    labels = [None if split == "train" else clip.label for clip in dataset.clips]
    return _of_clips(dataset, dataset.clips, labels)


def _of_clips(dataset, clips: list[Clip], labels: list[int | None]) -> Samples:
    pack = dataset.pack  # it tells the sizes of what it was made of
    sizes = [pack.size_of(clip.id) if pack else size_of(clip.path) for clip in clips]
    return Samples([clip.id for clip in clips], labels, sizes, "sizes of files")


def size_of(path: Path) -> int | str:
    """Bytes. A folder's depend on the disk, so of frames in one only their being there is told."""
    try:
        found = path.stat()
    except OSError:
        return "absent"
    return "folder" if stat.S_ISDIR(found.st_mode) else found.st_size


def _reviews(config: Config, split: str, dataset, training: bool) -> Samples:
    return Samples(dataset.ids, dataset.targets.tolist(), [review.text for review in dataset.reviews], "texts")


SAMPLES: dict[str, Callable[..., Samples]] = {"video": _clips, "simclr": _unlabelled_clips, "text": _reviews}
