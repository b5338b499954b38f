"""What a run was made of and where: data, code, packages, machine. Nothing in it tells who made it."""

import getpass
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath

from utils.config import Config
from utils.provenance.code import code
from utils.provenance.hashes import file_hash
from utils.provenance.machine import machine, packages
from utils.provenance.samples import Samples

WEIGHTS = ("*.safetensors", "*.bin")  # in the folder of an encoder


def gather(config: Config, files: dict[str, Path], samples: dict[str, Samples]) -> dict:
    """A session of a run, in plain types.

    Args:
        files: the lists, tables and box files that are read, and the recipe, by what they are.
        samples: of each split.
    """
    root = config.data.root_dir
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command(sys.argv),
        "recipe": config.recipe,
        "seed": config.train.seed,
        "machine": machine(config.train),
        "packages": packages(),
        "code": _impersonal_code(code()),
        "files": {what: _fingerprint(path, root) for what, path in files.items()},
        "weights": {what: _fingerprint(path, root) for what, path in weights(config).items()},
        "splits": {split: of_split.summary() for split, of_split in samples.items()},
    }


def weights(config: Config) -> dict[str, Path]:
    """The files of weights that training starts from, as far as the recipe names files."""
    model = config.model
    named = {"clip_pretrained": [Path(getattr(model, "clip_pretrained", ""))],
             "init_from": [Path(run) / "model.safetensors"] if (run := getattr(model, "init_from", None)) else [],
             "encoder": _of_encoder(Path(getattr(model, "encoder", "")))}
    return {what if len(paths) == 1 else f"{what}: {path.name}": path
            for what, paths in named.items() for path in paths if path.is_file()}


def _of_encoder(folder: Path) -> list[Path]:
    inside = folder.name and folder.is_dir()
    return sorted(path for pattern in WEIGHTS for path in folder.glob(pattern)) if inside else []


def _fingerprint(path: Path, root: Path | None) -> dict:
    """The name, below the root as far as it lies there, and the hash."""
    inside = root is not None and path.is_relative_to(root)
    try:
        found = file_hash(path)
    except OSError:
        found = None
    return {"name": path.relative_to(root).as_posix() if inside else path.name, "sha256": found}


def command(words: Sequence[str]) -> list[str]:
    """The words of a command line, with places outside the working folder shortened to their last part."""
    return [Path(words[0]).name, *map(_impersonal, words[1:])] if words else []


def _impersonal(word: str) -> str:
    flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    path = PureWindowsPath(value)  # takes both separators, and knows drives
    if path.anchor or ".." in path.parts or value.startswith("~"):
        name = path.name.lstrip("~")
        value = f"…/{name}" if name not in ("", "..", *_names()) else "…"
    return flag + equals + value


def _impersonal_code(found: dict) -> dict:
    """A branch is often called after a person."""
    git, names = found["git"], _names()
    if git and git["branch"]:
        git["branch"] = "/".join("…" if part in names else part for part in git["branch"].split("/"))
    return found


def _names() -> set[str]:
    """What the person at work is called here."""
    try:
        return {Path.home().name, getpass.getuser()}
    except (KeyError, OSError, RuntimeError):  # an account without a name
        return set()
