"""Box files: how many clips they cover, and whether their numbers are pixels of these frames, in this order."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dataloaders.audit.clips.expected import BoxTable, inside
from dataloaders.audit.clips.looks import Look
from dataloaders.audit.clips.reading import header
from dataloaders.audit.clips.view import View, files_of, plain_name
from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from utils.findings import Finding, of_some

SIZED = 1500  # clips whose frames' size is looked up, at most
LEAST = 8  # clips with a box, below which statistics say little
GAP = 0.4  # between two splits' or classes' shares of clips with a box
SOME, MOST = 0.05, 0.5
SMALL = 8  # pixels


@dataclass
class Spot:
    """A clip's box and its frame."""

    clip: Clip
    split: str
    box: tuple[float, float, float, float]
    width: int
    height: int


def check_boxes(view: View, looks: list[Look]) -> Iterator[Finding]:
    data, tables = view.config.data, {}
    if data.bounding_box_body and (not data.crop_body or data.streams == "face"):
        yield Finding("warning", "body-boxes-unused", f"--bounding-box-body {data.bounding_box_body} is given, and the "
                      "context is the whole frame", "--crop-body, with both streams; or leave the file out")
    for kind, of_split in (("face", lambda s: s.dataset.faces), ("body", lambda s: s.dataset.bodies)):
        boxes = next((of_split(split) for split in view.splits.values() if of_split(split)), None)
        if boxes is not None:
            table = BoxTable(boxes.path)
            yield from _coverage(view, kind, table, boxes)
            spots = tables[kind] = list(_spots(view, table, looks))
            yield from _numbers(kind, spots)
            yield from _of_frames(view, kind, table)
    if len(tables) == 2:
        yield from _face_in_body(tables["face"], tables["body"])


def _coverage(view: View, kind: str, table: BoxTable, boxes: Boxes) -> Iterator[Finding]:
    have = {name: [bool((key := table.key(clip.id)) and table.raw[key]) for clip in split.clips]
            for name, split in view.splits.items()}
    shares = {name: sum(found) / len(found) for name, found in have.items()}
    without = [clip.id for name, split in view.splits.items() for clip, has in zip(split.clips, have[name]) if not has]
    total = sum(map(len, have.values()))
    said = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    example = f"{without[0]}; a key of the file: {next(iter(table.raw), '(none)')}" if without else ""
    if len(without) == total:
        yield Finding("error", f"{kind}-boxes-match-none", f"no clip has a box in {table.path}",
                      "make its keys the clips' paths", total, example)
    elif without:
        few = 2 * len(without) > total
        yield Finding("warning" if few else "note", f"{kind}-boxes-match-few" if few else f"{kind}-boxes-missing",
                      f"{len(without)} of {total} clips have no {kind} box ({said}"
                      f" have one; of the others the whole frame or, for the face, --missing-box is shown)",
                      "detect faces in them" if kind == "face" else "", len(without), example)
    yield from _uneven(view, kind, have)
    differ = [clip.id for name, split in view.splits.items() for clip, has in zip(split.clips, have[name])
              if boxes.has(clip.id) != has]
    if differ:
        yield Finding("error", f"{kind}-boxes-not-found", f"the loader finds {kind} boxes of other clips than are in "
                      "the file", "look in dataloaders/boxes.py for what was changed", **of_some(differ))
    used = {table.key(clip.id) for split in view.splits.values() for clip in split.clips}
    spare = [key for key in table.raw if key not in used]
    if spare:
        yield Finding("note", f"{kind}-boxes-spare", f"{kind} boxes match no clip", "", **of_some(spare))
    many = [keys for keys in _keys_of_a_clip(table).values() if len(keys) > 1]
    if many:
        yield Finding("warning", f"{kind}-boxes-twice", "the file has two boxes for a clip, spelled differently",
                      "keep one", **of_some(" = ".join(keys) for keys in many))


def _keys_of_a_clip(table: BoxTable) -> dict[str, list[str]]:
    keys = defaultdict(list)
    for key in table.raw:
        keys[plain_name(key)].append(key)
    return keys


def _uneven(view: View, kind: str, have: dict[str, list[bool]]) -> Iterator[Finding]:
    sizes = {name: (sum(found) / len(found), len(found)) for name, found in have.items() if len(found) >= LEAST}
    if sizes:
        low, high = min(sizes, key=sizes.get), max(sizes, key=sizes.get)
        if sizes[high][0] - sizes[low][0] > GAP:
            yield Finding("warning", f"{kind}-boxes-by-split", f"{sizes[high][0]:.0%} of {high}'s clips have a {kind} "
                          f"box, and {sizes[low][0]:.0%} of {low}'s: the splits show different regions",
                          f"detect {kind} boxes for {low}", sizes[low][1], low)
    train = view.splits.get("train")
    if train and train.labelled:
        by_class = defaultdict(list)
        for clip, has in zip(train.clips, have["train"]):
            by_class[clip.label].append(has)
        rates = {label: sum(found) / len(found) for label, found in by_class.items() if len(found) >= LEAST}
        if rates and max(rates.values()) - min(rates.values()) > GAP:
            worst = min(rates, key=rates.get)
            yield Finding("warning", f"{kind}-boxes-by-class", f"{rates[worst]:.0%} of the training clips of "
                          f"{view.name_of(worst)} have a {kind} box, and {max(rates.values()):.0%} of another class: "
                          "the crop tells the class", "detect the boxes that lack", example=view.name_of(worst))


def _spots(view: View, table: BoxTable, looks: list[Look]) -> Iterator[Spot]:
    """Boxes beside their frames' sizes: from headers, or of a clip that was decoded, or as most others of the split."""
    seen = {(one.split, one.index): one.size for one in looks if one.count}
    for name, split in view.splits.items():
        boxed = [(place, key) for place, clip in enumerate(split.clips) if (key := table.key(clip.id))]
        boxed = boxed[:: max(1, len(boxed) // SIZED)]
        sizes = {place: seen.get((name, place)) or header(split.clips[place].path)[0] for place, _ in boxed}
        usual = Counter(size for size in sizes.values() if size).most_common(1)
        for place, key in boxed:
            frames = list(table.frames(key).values())
            size = sizes[place] or (usual[0][0] if usual else None)
            if size and frames:
                yield Spot(split.clips[place], name, frames[len(frames) // 2], *size)


def _numbers(kind: str, spots: list[Spot]) -> Iterator[Finding]:
    if not spots:
        return
    boxes = np.array([spot.box for spot in spots], float)  # (N, 4)
    frame = np.array([[spot.width, spot.height] for spot in spots], float)  # (N, 2)
    size, centre = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    remedy = "write [x1, y1, x2, y2] in pixels of the frames as they are"

    def names(which) -> dict:
        return of_some(f"{spots[place].clip.id} {[round(v, 1) for v in spots[place].box]} in {spots[place].width} x "
                       f"{spots[place].height}" for place in np.flatnonzero(which))

    relative = (np.abs(boxes) <= 2).all(1) & (frame > 16).all(1)
    if relative.mean() > SOME:
        yield Finding("error", f"{kind}-boxes-relative", f"{kind} boxes are shares of the frame, not pixels", remedy,
                      **names(relative))
        return
    inverted = (size <= 0).any(1)
    turned = _as_corner_and_size(boxes, frame)
    if inverted.mean() > SOME or turned:
        yield Finding("error", f"{kind}-boxes-inverted", f"{kind} boxes have x2 <= x1 or y2 <= y1, or are [x, y, "
                      "width, height]", remedy, **names(inverted if inverted.any() else inverted | True))
        return
    if inverted.any():
        yield Finding("warning", f"{kind}-boxes-inverted", f"{kind} boxes have x2 <= x1 or y2 <= y1", remedy,
                      **names(inverted))
    astray = ((centre < 0) | (centre > frame)).any(1)
    outside = np.array([not inside(spot.box, spot.width, spot.height) for spot in spots]) & ~inverted
    over, over_if_swapped = ((boxes[:, order] > 1.15 * frame).any(1) for order in ([2, 3], [3, 2]))
    swapped = len(spots) >= LEAST and over.mean() > SOME and over_if_swapped.mean() < SOME / 4
    if swapped:
        astray |= over
    if (astray | outside).any():
        share = (astray | outside).mean()
        level = "error" if share > SOME else "warning" if outside.any() else "note"
        yield Finding(level, f"{kind}-boxes-outside", f"{kind} boxes lie outside their frames"
                      + (": x and y are swapped, it seems" if swapped else ""), remedy, **names(astray | outside))
    small = (size < SMALL).any(1) & ~inverted & (frame >= 8 * SMALL).all(1)
    if small.any():
        yield Finding("warning" if small.mean() > SOME else "note", f"{kind}-boxes-tiny",
                      f"{kind} boxes are under {SMALL} pixels wide or high", remedy, **names(small))
    yield from _together(kind, spots, boxes, frame, size, centre, remedy)


def _as_corner_and_size(boxes: np.ndarray, frame: np.ndarray) -> bool:
    """Whether the last two numbers are a width and a height: these are nearly equal, and the corners' distances not."""
    if len(boxes) < LEAST or (boxes[:, 2:] <= 0).any():
        return False

    def spread(pairs: np.ndarray) -> float:
        wide, high = np.maximum(pairs, 1).T
        return float(np.median(np.abs(np.log(wide / high))))

    return bool(spread(boxes[:, 2:]) < 0.2 and spread(boxes[:, 2:] - boxes[:, :2]) > 0.6)


def _together(kind: str, spots: list[Spot], boxes, frame, size, centre, remedy: str) -> Iterator[Finding]:
    """What shows in many boxes only."""
    if len(spots) < LEAST:
        return
    commonest, times = Counter(spot.box for spot in spots).most_common(1)[0]
    if times > MOST * len(spots):
        yield Finding("warning", f"{kind}-boxes-identical", f"{times} of {len(spots)} {kind} boxes are the same",
                      "check the detector's output", times, str(list(commonest)))
        return
    covers = ((boxes[:, :2] <= 0.02 * frame) & (boxes[:, 2:] >= 0.98 * frame)).all(1)
    if kind == "face" and covers.mean() > 0.8:
        yield Finding("warning", "face-boxes-whole-frame", "face boxes are the whole frame", "check the detector's "
                      "output", **of_some(spots[place].clip.id for place in np.flatnonzero(covers)))
    reach, middle = np.quantile(boxes[:, 2:] / frame, 0.98, axis=0), np.mean(centre / frame, axis=0)
    if (reach < 0.72).all() and (middle < 0.4).all():
        yield Finding("warning", f"{kind}-boxes-in-a-corner", f"{kind} boxes lie in the upper left of their frames, "
                      f"within {reach[0]:.0%} of the width and {reach[1]:.0%} of the height: they are of smaller "
                      "frames, it seems", remedy, len(spots), f"{spots[0].clip.id} {list(spots[0].box)}")
    by_split = defaultdict(list)
    for spot, wide, (width, height) in zip(spots, size.max(1), frame):
        by_split[spot.split].append(np.log(max(wide, 1) / min(width, height)))
    middles = {name: np.median(found) for name, found in by_split.items() if len(found) >= LEAST}
    if middles and max(middles.values()) - min(middles.values()) > np.log(2):
        low, high = min(middles, key=middles.get), max(middles, key=middles.get)
        yield Finding("warning", f"{kind}-boxes-of-another-size", f"{kind} boxes are {np.exp(middles[high]):.0%} of "
                      f"the frame's shorter side in {high}, and {np.exp(middles[low]):.0%} in {low}",
                      "use one detector and one resolution for all splits", example=low)


def _of_frames(view: View, kind: str, table: BoxTable) -> Iterator[Finding]:
    """Boxes by frame: of frames that are there, and without leaps."""
    strange, leaps, number = [], [], 0
    for split in view.splits.values():
        for clip in split.present[:: max(1, len(split.clips) // 200)]:
            key = table.key(clip.id)
            boxes = table.frames(key) if key else {}
            if None in boxes or len(boxes) < 2:
                continue
            number += 1
            if clip.path.is_dir():
                there = {int(name) for file in files_of(clip.path) if (name := _last_number(file.stem))}
                if len(boxes.keys() & there) < MOST * len(boxes):
                    strange.append(clip.id)
            track = np.array([boxes[n] for n in sorted(boxes)], float)
            steps = np.abs(np.diff((track[:, :2] + track[:, 2:]) / 2, axis=0)).max(1)
            near = np.diff(sorted(boxes)) == 1
            wide = np.maximum((track[:-1, 2:] - track[:-1, :2]).max(1), 1)
            if near.any() and np.median((steps / wide)[near]) > MOST:
                leaps.append(clip.id)
    if strange:
        yield Finding("warning", f"{kind}-boxes-of-absent-frames", f"{kind} boxes are of frames that clips do not "
                      "have; others' are used", "check how frames are numbered", **of_some(strange))
    if leaps and len(leaps) > SOME * number:
        yield Finding("warning", f"{kind}-boxes-leap", f"{kind} boxes leap about from frame to frame", "check which "
                      "frames they are of", **of_some(leaps))


def _last_number(stem: str) -> str | None:
    return next(iter("".join(c if c.isdigit() else " " for c in stem).split()[-1:]), None)


def _face_in_body(faces: list[Spot], bodies: list[Spot]) -> Iterator[Finding]:
    of_clip, apart = {spot.clip.id: spot.box for spot in bodies}, []
    both = [spot for spot in faces if spot.clip.id in of_clip]
    for spot in both:
        x, y = (spot.box[0] + spot.box[2]) / 2, (spot.box[1] + spot.box[3]) / 2
        x1, y1, x2, y2 = of_clip[spot.clip.id]
        if not (x1 <= x <= x2 and y1 <= y <= y2):
            apart.append(spot.clip.id)
    if len(both) >= LEAST and len(apart) > 2 * SOME * len(both):
        yield Finding("warning", "face-not-in-body", f"{len(apart)} of {len(both)} faces lie outside their clip's body "
                      "box", "check that both files are of these clips", **of_some(apart))
