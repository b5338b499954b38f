"""List files: `path num_frames label`, separated by blanks. The path itself may hold blanks."""

import csv
import os
import re
from pathlib import Path

from dataloaders.clips import IMAGE, VIDEO, Clip, inside
from utils.errors import UserError

LONGEST = 2**29  # bytes: of a box file that is four numbers for each of 10 million frames
LINE = re.compile(r"(.*\S)\s+\d+\s+(-?\d{1,9})")


def read_lists(paths: dict[str, Path], root: Path, classes: list[str]) -> dict[str, list[Clip]]:
    """The clips of every split's list file, with labels from 0.

    Raises:
        UserError: an unreadable or empty list, a malformed line, a path out of the root, labels that fit
            neither 0..C-1 nor 1..C.
    """
    rows = {split: _rows(path) for split, path in paths.items()}
    try:
        base = label_base({label for split in rows.values() for _, label in split}, classes)
    except UserError as error:
        raise UserError(f"{', '.join(map(str, paths.values()))}: {error}") from None
    return {
        split: [Clip(name.replace("\\", "/"), inside(root, name, str(paths[split])), label - base)
                for name, label in split_rows]
        for split, split_rows in rows.items()
    }


def _rows(path: Path) -> list[tuple[str, int]]:
    """(listed path, label as written). The listed number of frames is not used: the real one counts."""
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        match = LINE.fullmatch(line.strip())
        if not match:
            raise UserError(f"{path}:{number}: expected `path num_frames label`, found {line.strip()[:80]!r}")
        rows.append((match[1], int(match[2])))
    if not rows:
        raise UserError(f"{path}: lists no clip")
    return rows


def read_text(path: Path) -> str:
    """
    Raises:
        UserError: unreadable, too long, or not UTF-8.
    """
    try:
        if (size := path.stat().st_size) > LONGEST:
            raise UserError(f"{path}: {size:,} bytes are too much for a list, a table or a box file")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from None


def label_base(labels: set[int], classes: list[str]) -> int:
    """0 or 1, whichever the labels of all splits together show.

    Raises:
        UserError: labels out of range, with a gap, or that fit both bases.
    """
    number = len(classes)
    fits = [base for base in (0, 1) if labels == set(range(base, number + base))]
    if fits:
        return fits[0]
    found = f"labels {sorted(labels)[:12]} for {number} classes ({', '.join(classes)})"
    if min(labels) < 0 or max(labels) > number or {0, number} <= labels:
        raise UserError(f"{found}: out of range; they must run from 0 to {number - 1} or from 1 to {number}")
    raise UserError(f"{found}: some class has no clip, so labels from 0 and from 1 cannot be told apart "
                    "in any split; give all split's lists, or list at least one clip of every class")


def read_daisee(path: Path, root: Path, target: str) -> tuple[list[Clip], int, int]:
    """The clips of DAiSEE's label CSV; how many labels have no clip, and how many clips beside them no label.

    Raises:
        UserError: not CSV, no such column, a label that is not 0 to 3, no clip at all.
    """
    videos = {p.stem: p for p in root.glob("DataSet/*/*/*/*") if p.suffix.lower() in VIDEO}
    clips, absent = [], 0
    for number, row in _table(path, ("ClipID", target)):
        stem, label = Path(row["ClipID"]).stem, row[target]
        if label not in ("0", "1", "2", "3"):
            raise UserError(f"{path}:{number}: {target} is {label!r}; expected 0, 1, 2 or 3")
        if stem in videos:
            clips.append(Clip(videos[stem].relative_to(root).as_posix(), videos[stem], int(label)))
        else:
            absent += 1
    if not clips:
        raise UserError(f"{path}: none of its {absent} clips is under {root / 'DataSet'}")
    split = lambda video: video.relative_to(root).parts[1]  # noqa: E731  (DataSet/Train/...)
    splits, labelled = {split(clip.path) for clip in clips}, {clip.path for clip in clips}
    unlabelled = sum(split(video) in splits and video not in labelled for video in videos.values())
    return clips, absent, unlabelled


def _table(path: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The needed columns of a CSV, by row, and each row's line number."""
    table = csv.DictReader(read_text(path).splitlines())
    try:
        columns = {name.strip(): name for name in table.fieldnames or []}  # `Frustration ` has a trailing blank
        for name in needed:
            if name not in columns:
                raise UserError(f"{path}: no column {name!r} (--target names it), only {', '.join(columns)}")
        # A short row lacks its last cells.
        return [(table.line_num, {name: (row[columns[name]] or "").strip() for name in needed}) for row in table]
    except csv.Error as error:
        raise UserError(f"{path}:{table.line_num}: not CSV: {error}") from None


def scan_folders(folder: Path, root: Path, classes: list[str]) -> list[Clip]:
    """Clips by folder name: `folder/CLASS/clip`, a clip being a video, an image or a folder of frames.

    Raises:
        UserError: a folder that names no class, or no clip.
    """
    labels = {name.lower(): index for index, name in enumerate(classes)}
    clips = []
    for place in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if place.name.lower() not in labels:
            raise UserError(f"{place}: names no class; classes are {', '.join(classes)}")
        for path in sorted(place.iterdir()):
            if not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() in VIDEO | IMAGE):
                clips.append(Clip(path.relative_to(root).as_posix(), path, labels[place.name.lower()]))
    if not clips:
        raise UserError(f"{folder}: holds no clip in folders named {', '.join(classes)}")
    return clips


def scan_unlabelled(folder: Path) -> list[Clip]:
    """Every video and every image in the folder and below, sorted; for want of a label each has its number.

    Hidden files and folders are left out, and links to folders are not followed.

    Raises:
        UserError: a folder that is not there or cannot be read, or no clip.
    """
    paths = []
    for place, below, names in os.walk(folder, onerror=_refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        paths += [path for name in names if not name.startswith(".")
                  and (path := Path(place, name)).suffix.lower() in VIDEO | IMAGE]
    if not paths:
        raise UserError(f"--unlabelled {folder}: holds no video or image")
    return [Clip(path.relative_to(folder).as_posix(), path, number) for number, path in enumerate(sorted(paths))]


def _refuse(error: OSError) -> None:
    raise UserError(f"--unlabelled {error.filename}: {error.strerror}")
