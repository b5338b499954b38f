"""The variants of a study: named, or combined from lists of values."""

import itertools
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.config import FREE_TO_CHANGE, Config
from utils.errors import UserError
from utils.recipe import flags_of, load_config

SET_ELSEWHERE = {"seed": "seeds", "score_test": "split", "output_dir": "--output-dir", "resume": "`ablate` itself"}
FREE = FREE_TO_CHANGE - {"epochs", "score_test"}  # may differ between a run and what the study asks for


@dataclass(frozen=True)
class Variant:
    """`flags` go to `main.py train`; `config` is what they make, at the study's first seed."""

    folder: str
    flags: tuple[str, ...]
    config: Config

    def settings(self, seed: int) -> dict[str, Any]:
        """What decides the result, by YAML key."""
        return {key: value for key, value in (self.config.flat() | {"seed": seed}).items() if key not in FREE}


def read_variants(given: dict[str, Any], task: type[Config], path: Path) -> dict[str, Variant]:
    """All variants of a study by name, each read as `main.py train` would.

    Args:
        given: the study's settings.
        task: the kind of Config of its recipe.
    """
    seed, score_test = given["seeds"][0], given.get("split", "test") == "test"
    variants, names = {}, {}
    for name, own in _settings_by_name(given, path).items():
        where = f"{path}: variant {name!r}"
        own = given.get("settings", {}) | own
        if taken := [key for key in own if key in SET_ELSEWHERE]:
            raise UserError(f"{where}: {taken[0]} is set by {SET_ELSEWHERE[taken[0]]}")
        flags = flags_of(own, task, where) + ["--score-test" if score_test else "--no-score-test"]
        try:
            config = load_config(given["recipe"], [*flags, "--seed", str(seed)])
        except UserError as error:
            raise UserError(f"{where}: {str(error).removeprefix('command line: ')}") from None
        variants[name] = Variant(_folder(name, path), tuple(flags), config)
        for kind, key in (("settings", str(variants[name].settings(seed))), ("folder", variants[name].folder.lower())):
            if (other := names.setdefault((kind, key), name)) != name:
                raise UserError(f"{path}: the variants {other!r} and {name!r} have the same {kind}")
    return variants


def _settings_by_name(given: dict[str, Any], path: Path) -> dict[str, dict]:
    """The named variants, then the grid's, called by their values."""
    named = dict(given.get("variants", {}))
    for name, own in named.items():
        if not isinstance(name, str) or not isinstance(own, dict):
            raise UserError(f"{path}: variants: {name!r}: {own!r} must be a name (in quotes, where YAML would take it "
                            "for something else) and a mapping of settings, {} for none")
    grid = given.get("grid", {})
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"{path}: grid: {key}: {values!r} must be a list of values")
    for values in itertools.product(*grid.values()) if grid else ():
        own = dict(zip(grid, values))
        name = ", ".join(f"{key} {_said(value)}" for key, value in own.items())
        if name in named:
            raise UserError(f"{path}: the variant {name!r} stands there twice")
        named[name] = own
    return named


def _said(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _folder(name: str, path: Path) -> str:
    """A name of letters, digits, `+`, `-`, `_`, and points within numbers."""
    folder = re.sub(r"-+", "-", re.sub(r"(?<!\d)\.|\.(?!\d)|[^\w.+-]", "-", name)).strip("-")
    if not folder:
        raise UserError(f"{path}: variant {name!r}: must have a letter or a digit in its name")
    return folder


def changed_flags(before: Config, after: Config) -> list[str]:
    """The flags that turn one into the other: settings that were given, and none that others only put to use."""
    then, now = _all_settings(before), _all_settings(after)
    changed = {key: value for key, value in now.items() if then[key] != value}
    return [shlex.join(flags_of({key: value}, type(after), "")) for key, value in changed.items()]


def _all_settings(config: Config) -> dict[str, Any]:
    """Those that are not used, too, as a YAML file would hold them."""
    settings = {name: getattr(getattr(config, section), name) for section, kind in config.sections().items()
                for name in kind.__dataclass_fields__}
    return {name: list(value) if isinstance(value, tuple) else _written(value) for name, value in settings.items()}


def _written(value: Any) -> Any:
    """10.0 as 10, which it is where a setting is a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
