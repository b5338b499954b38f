"""The search for faces in a recipe's clips: the box file, and a page to look at."""

import sys
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from dataloaders.datasets import load_splits
from dataloaders.faces.box_file import BoxFile
from dataloaders.faces.clip_faces import find_in_clips
from dataloaders.faces.detector import DETECTORS
from dataloaders.faces.sheet import face_sheet
from dataloaders.lists import scan_unlabelled
from dataloaders.workers import workers_of
from utils.config import Config, FacesSettings, SimclrConfig
from utils.errors import UserError
from utils.report.faces import write_faces_page


def search_faces(config: Config, own: FacesSettings) -> None:
    """Search what has not been searched, and write the box file and a page.

    Raises:
        UserError: no detector; a box file that is not ours; more clips cannot be read than --max-bad-clips allows.
    """
    clips = clips_of(config)
    output = own.output or place_of(config)
    boxes = BoxFile(output, own.face)
    searched = {found.id for found in boxes}
    left = [clip for name, clip in clips.items() if name not in searched]
    if left:
        DETECTORS[own.face.detector](own.face)  # what it lacks is said here, and not by each process
        jobs = workers_of(config.data) if own.jobs is None else own.jobs
        found = find_in_clips(left, own.face, jobs, config.data.reader_timeout)
        boxes.add(tqdm(found, total=len(clips), initial=len(clips) - len(left), desc="faces", unit=" clips"))
    boxes.write()
    sheet = face_sheet(boxes, {name: clip.path for name, clip in clips.items()})
    page = write_faces_page(output.with_suffix(".html"), config.recipe, sheet)
    print(f"{sheet.clips} clips, {len(left)} of them searched now: " +
          ", ".join(f"{name.lower()} {count}" for name, count in sorted(sheet.counts.items())) +
          f"; a box in {sheet.with_box / max(sheet.frames, 1):.1%} of {sheet.frames} frames")
    print(f"--bounding-box-face {output}\nto look at: {page}")
    for name, reason in sheet.bad.items():
        print(f"left out {name}: {reason}", file=sys.stderr)
    if sheet.bad:
        print(f"once repaired, they are searched again when their lines in {boxes.lines} are deleted", file=sys.stderr)
    if len(sheet.bad) > config.data.max_bad_clips * sheet.clips:
        raise UserError(f"faces: {len(sheet.bad)} of {sheet.clips} clips cannot be read, more than --max-bad-clips "
                        f"{config.data.max_bad_clips:g}; the box file holds the others")


def clips_of(config: Config) -> dict:
    """All clips that the recipe trains or is scored on, by id."""
    found = chain(*load_splits(config.data, config.train.seed).clips.values())
    if isinstance(config, SimclrConfig) and config.data.unlabelled:
        found = chain(found, scan_unlabelled(config.data.unlabelled))
    return {clip.id: clip for clip in found}


def place_of(config: Config) -> Path:
    """What the recipe names and is not there yet, else faces.json; in the data set's folder."""
    root, named = config.data.root_dir or Path("."), config.data.bounding_box_face
    return root / named if named and not (root / named).exists() else root / "faces.json"
