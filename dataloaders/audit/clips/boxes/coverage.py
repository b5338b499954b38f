"""Which clips have a box, and whether splits and classes have alike."""

from collections import defaultdict
from collections.abc import Iterator

from dataloaders.audit.clips.boxes.spot import LEAST
from dataloaders.audit.clips.expected import BoxTable
from dataloaders.audit.clips.view import View, plain_name
from dataloaders.boxes import Boxes
from utils.findings import Finding, of_some

GAP = 0.4  # between two splits' or classes' shares of clips with a box


def check_coverage(view: View, kind: str, table: BoxTable, boxes: Boxes) -> Iterator[Finding]:
    have = {name: [bool((key := table.key(clip.id)) and table.raw[key]) for clip in split.clips]
            for name, split in view.splits.items()}
    shares = {name: sum(found) / len(found) for name, found in have.items()}
    without = [clip.id for name, split in view.splits.items() for clip, has in zip(split.clips, have[name]) if not has]
    total = sum(map(len, have.values()))
    said = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    example = f"{without[0]}; the file has {next(iter(table.raw), 'no key')}" if without else ""
    if len(without) == total:
        yield Finding("error", f"{kind}-boxes-match-none", f"no clip has a box in {table.path}",
                      "make its keys the clips' paths", total, example)
    elif without:
        few = 2 * len(without) > total
        yield Finding("warning" if few else "note", f"{kind}-boxes-match-few" if few else f"{kind}-boxes-missing",
                      f"{len(without)} of {total} clips have no {kind} box ({said} have one): "
                      + (f"--missing-box {view.config.data.missing_box}" if kind == "face" else "the frame is shown"),
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
