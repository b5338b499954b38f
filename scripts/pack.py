"""Writes a packed copy of a recipe's clips, from which training reads without decoding a video.

    python -m scripts.pack raer --output packs/raer --root-dir D --bounding-box-face faces.json
    python main.py train raer --packed packs/raer --root-dir D --bounding-box-face faces.json
    python main.py train raer --packed packs/raer --stream s3://bucket/raer ...

Flags of the recipe say what is cut, as in training; the pack serves a training with the same. Where the whole pack lies
elsewhere too, training clips can be streamed from there, and --packed needs no train-*.tar.
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from dataloaders.packing import write_pack
from utils.errors import UserError
from utils.recipe import load_config


def pack(recipe: str, flags: list[str], output: Path, side: int, most_frames: int, megabytes: int,
         workers: int) -> str:
    """Write it, and say what was packed, with every clip that is bad."""
    bad, counts = [], Counter()
    writing = write_pack(load_config(recipe, flags), output, side, most_frames, megabytes * 2**20, workers)
    with tqdm(unit="clip", disable=None) as bar:
        for clip, entry, bar.total in writing:
            bar.update()
            if "bad" in entry:
                bad.append(f"  {clip.id}: {entry['bad']}")
            else:
                kept = len(entry["numbers"])
                counts.update(clips=1, frames=kept, bytes=sum(entry["sizes"]), thinned=kept < entry["frames"])
    lines = [f"{output}: {counts['clips']} clips, {counts['frames']} frames, {counts['bytes'] / 2**20:.1f} MiB"]
    if counts["thinned"]:
        lines.append(f"{counts['thinned']} clips have more than {most_frames} frames (--most-frames): as many, at even "
                     "distances, are kept")
    if bad:
        lines += [f"{len(bad)} clips cannot be read, and are bad in the pack too:", *bad]
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--output", type=Path, required=True, help="a folder that is not there yet")
    parser.add_argument("--side", type=int, default=0, help="of the frames kept, in pixels; 0 is as in training")
    parser.add_argument("--most-frames", type=int, default=64, help="of a clip; of longer ones, at even distances")
    parser.add_argument("--shard-megabytes", type=int, default=256, help="after which a shard is closed")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    own, flags = parser.parse_known_args(words)
    if own.most_frames < 1 or own.most_frames > 999 or own.shard_megabytes < 1 or own.workers < 0:
        parser.error("--most-frames must be 1 to 999, --shard-megabytes at least 1, --workers not negative")
    try:
        print(pack(own.recipe, flags, own.output, own.side, own.most_frames, own.shard_megabytes, own.workers))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
