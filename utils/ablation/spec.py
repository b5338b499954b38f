"""A study's file: the variants of a recipe that are compared, each checked as a run of its own would be."""

import itertools
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.ablation.counts import METRICS
from utils.config import CONFIGS, Config
from utils.errors import UserError
from utils.recipe import flags_of, load_config, nearest, read_yaml
from utils.run_folder import FREE_TO_CHANGE
from utils.tasks import TASKS

STUDIES = Path(__file__).parents[2] / "configs" / "ablations"
KINDS = {"recipe": str, "settings": dict, "seeds": list, "split": str, "metric": str, "also": list, "baseline": str,
         "variants": dict, "grid": dict}
NEEDED = ("recipe", "seeds", "baseline")
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


@dataclass(frozen=True)
class Spec:
    """`also` are scores that the tables show beside `metric`, without a difference."""

    name: str
    recipe: str
    seeds: tuple[int, ...]
    split: str
    metric: str
    also: tuple[str, ...]
    baseline: str
    variants: dict[str, Variant]

    def changed(self, name: str) -> list[str]:
        """The flags that turn the baseline into a variant; the settings' own, so not those that others put to use."""
        then, now = (_all_settings(self.variants[of].config) for of in (self.baseline, name))
        config = self.variants[name].config
        changed = {key: value for key, value in now.items() if then[key] != value}
        return [shlex.join(flags_of({key: value}, type(config), name)) for key, value in changed.items()]


def read_spec(name: str) -> Spec:
    """
    Args:
        name: of a file in configs/ablations, or the path of a YAML file.
    Raises:
        UserError: no such file, an unknown key or setting (the nearest known one is named), a bad value, two variants
            of the same settings, or a baseline that is none of them.
    """
    path = _find(name)
    given = read_yaml(path)
    _check_kinds(given, path)
    task = load_config(given["recipe"]).model.model
    spec = Spec(path.stem, given["recipe"], _seeds(given["seeds"], path), given.get("split", "test"),
                given.get("metric", TASKS[task].best_by), tuple(given.get("also", ())), given["baseline"],
                _variants(given, CONFIGS[task], path))
    _one_of("split", spec.split, ("val", "test"), path)
    for metric in (spec.metric, *spec.also):
        _one_of("metric" if metric == spec.metric else "also", metric, METRICS[task], path)
    _one_of("baseline", spec.baseline, spec.variants, path)
    return spec


def _find(name: str) -> Path:
    path = Path(name) if name.endswith((".yaml", ".yml")) else STUDIES / f"{name}.yaml"
    if not path.is_file():
        known = sorted(path.stem for path in STUDIES.glob("*.yaml"))
        raise UserError(f"study {name!r}: no such file; known studies: {', '.join(known)}{nearest(name, known)}")
    return path


def _check_kinds(given: dict[str, Any], path: Path) -> None:
    for key, value in given.items():
        if key not in KINDS:
            raise UserError(f"{path}: unknown key {key!r}{nearest(str(key), KINDS)}")
        if not isinstance(value, KINDS[key]):
            kind = {str: "a word", list: "a list", dict: "a mapping"}[KINDS[key]]
            raise UserError(f"{path}: {key}: {value!r} must be {kind}")
    if lacking := [key for key in NEEDED if key not in given]:
        raise UserError(f"{path}: {lacking[0]} is missing")


def _seeds(seeds: list, path: Path) -> tuple[int, ...]:
    right = all(type(seed) is int and seed >= 0 for seed in seeds) and len(set(seeds)) == len(seeds) > 0
    if not right:
        raise UserError(f"{path}: seeds: {seeds} must be different whole numbers, 0 or more")
    return tuple(seeds)


def _one_of(key: str, word: str, known, path: Path) -> None:
    if word not in known:
        raise UserError(f"{path}: {key}: {word!r} must be one of {', '.join(known)}{nearest(str(word), known)}")


def _variants(given: dict[str, Any], task: type[Config], path: Path) -> dict[str, Variant]:
    """All of them by name, each read as `main.py train` would."""
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


def _all_settings(config: Config) -> dict[str, Any]:
    """Those that are not used, too, as a YAML file would hold them."""
    settings = {name: getattr(getattr(config, section), name) for section, kind in config.sections().items()
                for name in kind.__dataclass_fields__}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
