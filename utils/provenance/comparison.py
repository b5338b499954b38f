"""How the data, code, packages and machine of now differ from those that a run was made with."""

from collections.abc import Collection, Iterable

from utils.findings import Finding, of_some
from utils.provenance.samples import Changes, changes

# Settings that name the data of all splits, or what is a sample and a label of them.
NAMES_ALL = {"dataset", "target", "val_fraction", "label_fraction", "unlabelled", "text_column", "aspects",
             "sentiments"}
# Code that no score depends on.
TELLING = ("main.py", "commands/ablate.py", "commands/check.py", "commands/predict.py", "utils/findings.py",
           "utils/report/", "utils/provenance/", "dataloaders/audit/")
# Packages that read the data or compute, of clips and of reviews: with another minor version scores may differ.
BEARING = {"clips": ("torch", "torchvision", "open_clip_torch", "timm", "decord2", "opencv-python-headless"),
           "reviews": ("torch", "transformers", "tokenizers")}
MACHINE = {"os": "system", "architecture": "architecture", "cpu": "processor", "device": "device", "gpu": "GPU",
           "precision": "precision", "python": "Python"}
WHOLE = {"bounding_box_face", "bounding_box_body"}  # files whose samples have no hash of their own
DIGITS = 10  # of a commit or a hash that a person reads


def compare(then: dict, now: dict, named: Collection[str] = ()) -> list[Finding]:
    """What is another now.

    Args:
        then: a session as `gather` gives it, of training.
        named: the settings that were given anew on purpose: about what they name there are only notes.
    """
    told = {split: changes(of_then, of_now) for split, of_now in now["splits"].items()
            if (of_then := then["splits"].get(split))}
    return [*_splits(told, now, set(named)), *_files(then, now, told, set(named)), *_weights(then, now),
            *_code(then["code"], now["code"]), *_packages(then, now), *_machine(then["machine"], now["machine"])]


def _splits(told: dict[str, Changes], now: dict, named: set[str]) -> Iterable[Finding]:
    for split, found in told.items():
        on_purpose = named & {f"{split}_annotation", *NAMES_ALL}
        of = now["splits"][split]["of"]
        parts = {"added": found.added, "removed": found.removed, "with another label": found.relabelled,
                 f"with other {of}": found.altered}
        said = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
        if found and on_purpose:
            yield Finding("note", f"other-{split}-data", f"{split}: other samples than the run's, as "
                          f"{', '.join(sorted(on_purpose))} says: {said}", count=sum(parts.values()))
        elif found:
            yield Finding("warning", f"other-{split}-data", f"{split}: not the samples that the run had: {said}",
                          "take the run's own data, or do not compare scores with its", sum(parts.values()))
        elif found.reordered:
            yield Finding("note", f"other-{split}-order", f"{split}: the run's samples in another order")


def _files(then: dict, now: dict, told: dict[str, Changes], named: set[str]) -> Iterable[Finding]:
    """A list or table has a warning of its own split where that matters; boxes show in no other way."""
    for what, file in now["files"].items():
        before = then["files"].get(what)
        if what == "recipe" or (before or {}).get("sha256") == file["sha256"]:
            continue
        said = f"{what}: {file['name']} holds something else than when the run read it"
        if what in named:
            yield Finding("note", f"other-{what}", f"{what}: another file than the run's was asked for")
        elif what in WHOLE and before:
            yield Finding("warning", f"other-{what}", said, "take the run's own boxes: clips are cut by them")
        elif before and not told.get(what.removesuffix("_annotation")):
            yield Finding("note", f"other-{what}", f"{said}, and its samples are the same")


def _weights(then: dict, now: dict) -> Iterable[Finding]:
    """Not used by a run that has weights of its own, so only told."""
    other = [what for what, file in now["weights"].items()
             if what in then["weights"] and then["weights"][what]["sha256"] != file["sha256"]]
    if other:
        yield Finding("note", "other-start", f"the weights that the run started from are others now: "
                      f"{', '.join(other)}", count=len(other))


def _code(then: dict, now: dict) -> Iterable[Finding]:
    if then["sha256"] == now["sha256"]:
        return
    before, after = then["files"], now["files"]
    other = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    bearing = [name for name in other if not name.startswith(TELLING)]
    commits = f"{commit_of(then)} then, {commit_of(now)} now"
    if bearing:
        yield Finding("warning", "other-code", f"code of the run differs ({commits}), in "
                      f"{', '.join(sorted({name.split('/')[0] for name in bearing}))}",
                      "check out the run's commit, or do not compare scores with its", **of_some(bearing))
    else:
        yield Finding("note", "other-code", f"code that no score depends on differs from the run's ({commits})",
                      **of_some(other))


def commit_of(code: dict) -> str:
    """Commit and whether it was changed, for a person; without git the code's hash."""
    git = code.get("git")
    if not git or not git["commit"]:
        return f"no commit, code {code['sha256'][:DIGITS]}"
    return git["commit"][:DIGITS] + (" with changes" if git["dirty"] else "")


def _packages(then: dict, now: dict) -> Iterable[Finding]:
    before, after = then["packages"], now["packages"]
    bearing = BEARING["reviews" if any(of["of"] == "texts" for of in now["splits"].values()) else "clips"]
    other = {name: f"{name} {before[name]} then, {version} now" for name, version in after.items()
             if name in before and before[name] != version}
    grave = [name for name in other if name in bearing and _minor(before[name]) != _minor(after[name])]
    if grave:
        yield Finding("warning", "other-packages", "; ".join(other[name] for name in grave),
                      "install the run's versions, or take small differences of scores for what they are", len(grave))
    if light := [name for name in other if name not in grave]:
        yield Finding("note", "other-versions", "; ".join(other[name] for name in light), count=len(light))


def _minor(version: str | None) -> list[str]:
    """Major and minor: 2.11 of 2.11.0+cu126."""
    return (version or "none").split("+")[0].split(".")[:2]


def _machine(then: dict, now: dict) -> Iterable[Finding]:
    other = [f"{what} {then.get(key) or 'none'} then, {now[key] or 'none'} now" for key, what in MACHINE.items()
             if _kind(key, then.get(key)) != _kind(key, now[key])]
    if other:
        yield Finding("note", "other-machine", f"another machine: {'; '.join(other)}", count=len(other))


def _kind(key: str, value: str | None) -> object:
    """Of a system and of Python what tells kinds apart: not every update is another machine."""
    return value.split()[:1] if key == "os" and value else _minor(value) if key == "python" else value
