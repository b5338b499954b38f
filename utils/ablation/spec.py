"""A study's file: the variants of a recipe that are compared, each checked as a run of its own would be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.ablation.counts import METRICS
from utils.ablation.variants import Variant, changed_flags, read_variants
from utils.config import CONFIGS
from utils.errors import UserError, nearest
from utils.recipe import load_config, read_yaml
from utils.tasks import TASKS

STUDIES = Path(__file__).parents[2] / "configs" / "ablations"
KINDS = {"recipe": str, "settings": dict, "seeds": list, "split": str, "metric": str, "also": list, "baseline": str,
         "variants": dict, "grid": dict}
NEEDED = ("recipe", "seeds", "baseline")


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
        """The flags that turn the baseline into a variant."""
        return changed_flags(self.variants[self.baseline].config, self.variants[name].config)


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
                read_variants(given, CONFIGS[task], path))
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
