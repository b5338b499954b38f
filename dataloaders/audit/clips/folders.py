"""Files on the disk without decoding: frames of folders by name and size, images and videos that were cut short."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from dataloaders.audit.clips.reading import header
from dataloaders.audit.clips.sources import Row
from dataloaders.audit.clips.view import Split, View, files_of
from dataloaders.clips import IMAGE, Clip
from dataloaders.containers import is_cut_short
from dataloaders.readers import frame_files
from utils.findings import Finding, of_some

LOOKED_INTO = 1500  # clips of a split, evenly spaced, unless every one is to be decoded
ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND\xaeB`\x82"}  # JPEG, PNG: how a whole file ends
ZEROS = 1024  # bytes, at the end and 5 % before it
FAR, MOST, SOME = 1.5, 0.5, 0.2  # factor between listed and real numbers of frames; shares of clips


def check_folders(view: View, rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for split in view.splits.values():
        clips = split.present if view.full else split.present[:: -(-len(split.present) // LOOKED_INTO) or 1]
        folders = [clip for clip in clips if clip.path.is_dir()]
        yield from _names(split, folders)
        yield from _numbers(split, folders)
        yield from _cut(view, split, clips)
        yield from _lengths(view, split, clips)
        yield from _listed(split, clips, rows.get(split.name, []))


def _names(split: Split, folders: list[Clip]) -> Iterator[Finding]:
    strange, nameless, blank = [], [], []
    for clip in folders:
        with os.scandir(clip.path) as entries:
            files = [entry for entry in entries if not entry.name.startswith(".")]
        images = [entry for entry in files if os.path.splitext(entry.name)[1].lower() in IMAGE]
        strange += [f"{clip.id}/{entry.name}" for entry in files if entry not in images]
        nameless += [f"{clip.id}/{entry.name}" for entry in images if not re.search(r"\d", Path(entry.name).stem)]
        blank += [f"{clip.id}/{entry.name}" for entry in images if entry.stat().st_size == 0]
    if strange:
        yield Finding("note", "not-a-frame", f"files in frame folders of {split.name} are no images; they are passed "
                      "over", **of_some(strange))
    if nameless:
        yield Finding("warning", "frame-without-number", f"frames of {split.name} have no number in their name; their "
                      "place in time is a guess", "name frames by their number", **of_some(nameless))
    if blank:
        yield Finding("warning", "frame-empty", f"frames of {split.name} are empty files", "extract them again",
                      **of_some(blank))


def _numbers(split: Split, folders: list[Clip]) -> Iterator[Finding]:
    gaps, again, disordered, mixed = [], [], [], []
    for clip in folders:
        files = files_of(clip.path)
        numbers = [int(found[-1]) for file in files if (found := re.findall(r"\d+", file.stem))]
        skeletons = {re.sub(r"\d+", "0", file.stem) for file in files}
        given = [int(found[-1]) for file in frame_files(clip.path) if (found := re.findall(r"\d+", file.stem))]
        if len(skeletons) > 1:
            mixed.append(clip.id)
        elif given != sorted(given):
            disordered.append(f"{clip.id}: {' '.join(map(str, given[:6]))} ...")
        if len(set(numbers)) < len(numbers):
            again.append(clip.id)
        steps = Counter(b - a for a, b in zip(sorted(set(numbers)), sorted(set(numbers))[1:]))
        usual = steps.most_common(1)[0][0] if steps else 1
        if any(step > usual for step in steps):
            gaps.append(clip.id)
    if disordered:
        yield Finding("error", "frames-not-in-order", f"{split.name}: frames are not read in the order of their "
                      f"numbers",
                      "look in dataloaders/readers.py for what sorts them", **of_some(disordered))
    if mixed:
        yield Finding("warning", "frames-named-differently", f"{split.name}: frames of one folder are named by "
                      "different patterns: they may be of several clips", "keep one clip to a folder", **of_some(mixed))
    if again:
        yield Finding("warning", "frame-number-twice", f"{split.name}: two files of a folder have the same frame "
                      f"number",
                      "keep one of each", **of_some(again))
    if gaps:
        many = len(gaps) > SOME * len(folders)
        yield Finding("warning" if many else "note", "frame-numbers-with-gaps", f"{split.name}: {len(gaps)} of "
                      f"{len(folders)} folders lack frames in between: time leaps there", "extract the frames again",
                      **of_some(gaps))


def _cut(view: View, split: Split, clips: list[Clip]) -> Iterator[Finding]:
    short = []
    for clip in clips:
        try:
            files = files_of(clip.path) if clip.path.is_dir() else [clip.path]
            with view.reading(clip):
                cut = any(map(_ends_early, {files[0], files[len(files) // 2], files[-1]}))
            short += [clip.id] if cut else []
        except (OSError, IndexError):
            continue
    if short:
        yield Finding("warning", "file-cut-short", f"files of {split.name} end before their format says they do, or "
                      "in zeros: what is missing is grey, or the last frame again", "fetch them again",
                      **of_some(short))


def _ends_early(file: Path) -> bool:
    if file.suffix.lower() not in IMAGE:
        return is_cut_short(file) or _ends_in_zeros(file)
    with file.open("rb") as data:
        end = ENDS.get(data.read(2))
        if end is None:
            return False
        data.seek(max(0, os.fstat(data.fileno()).st_size - 4096))
        return end not in data.read()


def _ends_in_zeros(file: Path) -> bool:
    """As files that were made as long as they should be, and never filled."""
    size = os.stat(file).st_size
    with file.open("rb") as data:
        for place in (size - ZEROS, int(0.95 * size) - ZEROS):
            data.seek(max(place, 0))
            if any(data.read(ZEROS)):
                return False
    return size > 0


def _lengths(view: View, split: Split, clips: list[Clip]) -> Iterator[Finding]:
    wanted = view.config.data.num_segments * view.config.data.duration
    counts = {clip.id: count for clip in clips if clip.path.suffix.lower() not in IMAGE or clip.path.is_dir()
              if (count := header(clip.path)[1])}
    short = [f"{name} has {count}" for name, count in counts.items() if count < wanted]
    if short:
        many = len(short) > MOST * len(counts)
        yield Finding("warning" if many else "note", "clips-short", f"{len(short)} of {len(counts)} clips of "
                      f"{split.name} have fewer than the {wanted} frames that are taken; their last one is repeated",
                      "lower --num-segments", **of_some(short))


def _listed(split: Split, clips: list[Clip], rows: list[Row]) -> Iterator[Finding]:
    said = {row.name: row.frames for row in rows if row.frames is not None}
    real = {clip.id: count for clip in clips if said.get(clip.id) is not None and (count := header(clip.path)[1])}
    differ = [f"{name}: {said[name]} listed, {count} there" for name, count in real.items() if said[name] != count]
    far = [name for name, count in real.items() if not 1 / FAR < max(said[name], 1) / count < FAR]
    if not differ:
        return
    ratios = defaultdict(int)
    for name, count in real.items():
        ratios[round(said[name] / count, 1)] += 1
    steady = len(differ) > 0.9 * len(real) and max(ratios) != 1 and max(ratios.values()) > 0.9 * len(real) and (
        abs(max(ratios, key=ratios.get) - 1) > 0.05)
    many = len(far) > MOST * len(real) or steady and len(real) >= 5
    if far and not many and len(differ) < SOME * 2 * len(real) and len(differ) == len(far):
        yield Finding("warning", "clips-in-part", f"{len(far)} of {len(real)} clips of {split.name} have far other "
                      "numbers of frames than is listed, and the rest have the very ones: part of them is missing, it "
                      "seems", "fetch them again", **of_some(name for name in differ if name.split(":")[0] in far))
    yield Finding("warning" if many else "note", "listed-frames", f"{len(differ)} of {len(real)} clips of "
                  f"{split.name} have "
                  "another number of frames than is listed" + (": the list is of other files, of another frame rate, "
                  "or its columns are in another order" if many else "; the real number counts"),
                  "check that the list belongs to these files" if many else "", **of_some(differ))
