"""What the clips that were decoded look like: readable, right, moving, and alike in all splits."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from dataloaders.audit.clips.looks import Look
from dataloaders.audit.clips.view import View
from utils.findings import Finding, of_some

CONSTANT, FROZEN = 2.0, 1.0  # grey levels: contrast of a frame; largest change between frames, at 32 x 32
DARKEST = 32  # a clip of which no pixel is lighter was scaled to 0..1 or 0..16
SATURATED = 0.97  # share of pixels at 0 or 255
GREY, LEAST = 1.5, 4  # mean difference of the channels; clips of a split below which it is not compared
SAME = 0.8  # share of a split's clips that are of one size, or grey
MEANINGS = {"brightness": 60.0, "contrast": 35.0, "red against blue": 35.0}  # grey levels between splits' medians


def check_frames(view: View, looks: list[Look]) -> Iterator[Finding]:
    total = sum(len(split.clips) for split in view.splits.values())
    yield Finding("note", "looked-at", f"{len(looks)} of {total} clips were decoded",
                  "decode all with --full" if len(looks) < total and not view.full else "", len(looks))
    for split in view.splits.values():
        own = [one for one in looks if one.split == split.name]
        yield from _bad(view, split.name, own)
        yield from _wrong(split.name, own)
        yield from _shapes(view, split.name, own)
        yield from _dull(split.name, own)
        yield from _range(split.name, own)
    yield from _streams(looks)
    yield from _between(view, looks)
    yield from _by_class(view, [one for one in looks if one.split == "train"])


def _bad(view: View, name: str, own: list[Look]) -> Iterator[Finding]:
    bad = [f"{one.clip.id}: {one.error}" for one in own if one.error and one.clip.path.exists()]
    if bad:
        many = len(bad) > view.config.data.max_bad_clips * len(own)
        yield Finding("error" if many and view.full or len(bad) > len(own) / 2 else "warning", "clips-not-decoded",
                      f"{len(bad)} of the {len(own)} clips of {name} that were decoded cannot be read",
                      "fetch them again, or take them from the list", **of_some(bad))


def _wrong(name: str, own: list[Look]) -> Iterator[Finding]:
    told = defaultdict(list)
    for one in own:
        for stream, how in one.wrong.items():
            told[stream].append(f"{one.clip.id}: {how}")
    texts = {"sample": ("sample-of-another", "the loader fails on clips, or gives others' id or target"),
             "reading": ("readers-disagree", "only one of two readers can decode clips"),
             "frames": ("frames-miscounted", "samples have another number of frames than the recipe says"),
             "face": ("face-not-as-read", "the face stream is not what an independent reading and the box file give"),
             "context": ("context-not-as-read", "the context stream is not what an independent reading gives")}
    for stream, examples in told.items():
        few = stream == "reading" or stream in ("face", "context") and len(examples) <= 0.1 * len(own)
        yield Finding("warning" if few else "error", texts[stream][0], f"{name}: {texts[stream][1]}: {len(examples)} "
                      f"of {len(own)}", "look at these clips, and in dataloaders/ for what was changed",
                      **of_some(examples))


def _shapes(view: View, name: str, own: list[Look]) -> Iterator[Finding]:
    data = view.config.data
    due = (data.num_segments * data.duration, 3, data.image_size, data.image_size)
    odd = [f"{one.clip.id}: {one.shape}" for one in own if one.shape and one.shape != due]
    if odd:
        yield Finding("error", "shape", f"{name}: samples are not of shape {due}", "", **of_some(odd))


def _dull(name: str, own: list[Look]) -> Iterator[Finding]:
    read = [one for one in own if one.thumbs is not None]
    constant = [one.clip.id for one in read if one.spread < CONSTANT]
    moving = [one for one in read if not one.still and one.count > 1 and len(one.thumbs) > 1]
    frozen = [one.clip.id for one in moving if one.moves <= FROZEN and one.spread >= CONSTANT]
    if constant:
        yield Finding("error" if len(constant) > len(read) / 2 else "warning", "clips-of-one-colour",
                      f"{len(constant)} of {len(read)} clips of {name} are black or of one colour throughout",
                      "fetch them again, or take them from the list", **of_some(constant))
    if frozen:
        yield Finding("error" if len(frozen) > len(moving) / 2 else "warning", "clips-frozen",
                      f"{len(frozen)} of {len(moving)} clips of {name} show one frame only", "extract them again",
                      **of_some(frozen))


def _range(name: str, own: list[Look]) -> Iterator[Finding]:
    shown = [one for one in own if one.face is not None and one.spread >= CONSTANT]
    dark = [f"{one.clip.id}: {one.brightest} of 255" for one in shown if one.brightest <= DARKEST]
    if dark and len(dark) > len(shown) / 10:
        yield Finding("error" if len(dark) > len(shown) / 2 else "warning", "range-of-pixels", f"{len(dark)} of "
                      f"{len(shown)} clips of {name} use the darkest {DARKEST} grey levels only",
                      "scale them to 0..255", **of_some(dark))
    burnt = [one.clip.id for one in shown if one.saturated > SATURATED]
    if len(burnt) > len(shown) / 10:
        yield Finding("error" if len(burnt) > len(shown) / 2 else "warning", "saturated", f"{len(burnt)} of "
                      f"{len(shown)} "
                      f"clips of {name} are black and white pixels only", "check what scaled them", **of_some(burnt))


def _streams(looks: list[Look]) -> Iterator[Finding]:
    both = [one for one in looks if one.face is not None and one.context is not None and one.spread >= CONSTANT]
    same = [one.clip.id for one in both if np.abs(one.face.astype(np.int16) - one.context).mean() < 0.5]
    if same and len(same) > len(both) / 2:
        yield Finding("warning", "streams-alike", "the face stream shows what the context stream shows",
                      "give face boxes, or train with --streams face", **of_some(same))


def _features(one: Look) -> dict[str, float]:
    red, green, blue = one.thumbs.astype(np.float32).mean((0, 1, 2))
    return {"brightness": float((red + green + blue) / 3), "contrast": float(one.thumbs.std()),
            "red against blue": float(red - blue)}


def _grey(one: Look) -> bool:
    pixels = one.thumbs.astype(np.float32)
    return float(np.ptp(pixels, axis=-1).mean()) < GREY


def _between(view: View, looks: list[Look]) -> Iterator[Finding]:
    """What one split's frames have in common, and another's have not."""
    groups = {name: [one for one in looks if one.split == name and one.thumbs is not None and one.spread >= CONSTANT]
              for name in view.splits}
    groups = {name: group for name, group in groups.items() if len(group) >= LEAST}
    if len(groups) < 2:
        return
    remedy = "bring all splits into one form"
    grey = {name: np.mean([_grey(one) for one in group]) for name, group in groups.items()}
    if max(grey.values()) >= SAME and min(grey.values()) <= 1 - SAME:
        yield Finding("warning", "split-grey", f"{max(grey, key=grey.get)} is grey, and {min(grey, key=grey.get)} in "
                      "colour", remedy, len(groups[max(grey, key=grey.get)]),
                      groups[max(grey, key=grey.get)][0].clip.id)
    sizes = {name: Counter(one.size for one in group).most_common(1)[0] for name, group in groups.items()}
    firm = {name: size for name, (size, number) in sizes.items() if number >= SAME * len(groups[name])}
    if len(set(firm.values())) > 1:
        said = ", ".join(f"{name} {width} x {height}" for name, (width, height) in firm.items())
        yield Finding("warning", "split-resolution", f"splits are of different resolutions: {said}", remedy,
                      example=said)
    table = {name: {key: np.array([_features(one)[key] for one in group]) for key in MEANINGS}
             for name, group in groups.items()}
    for key, limit in MEANINGS.items():
        middles = {name: float(np.median(found[key])) for name, found in table.items()}
        low, high = min(middles, key=middles.get), max(middles, key=middles.get)
        apart = middles[high] - middles[low]
        scatter = max(np.median(np.abs(found[key] - np.median(found[key]))) for found in table.values())
        if apart > limit and apart > 3 * scatter:
            yield Finding("warning", "split-looks-otherwise", f"{key} is {middles[high]:.0f} in {high} and "
                          f"{middles[low]:.0f} in {low}, of 255", remedy, example=f"{low}, {high}")


def _by_class(view: View, train: list[Look]) -> Iterator[Finding]:
    """A class of one resolution that no other has."""
    split = view.splits["train"]
    if not split.labelled:
        return
    read = [one for one in train if one.thumbs is not None]
    groups = defaultdict(list)
    for one in read:
        groups[one.clip.label].append(one)
    for label, group in groups.items():
        size, number = Counter(one.size for one in group).most_common(1)[0]
        others = [one for one in read if one.clip.label != label]
        if len(group) >= 3 and number >= 0.9 * len(group) and len(others) >= 8 and not any(
                one.size == size for one in others):
            yield Finding("warning", "class-resolution", f"clips of {view.name_of(label)} are {size[0]} x {size[1]}, "
                          "and no others are: a network may learn that", "bring all clips to one size", number,
                          group[0].clip.id)
