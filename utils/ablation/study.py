"""The runs of a study against its baseline, on the same samples."""

from dataclasses import dataclass

import numpy as np

from utils.ablation.bootstrap import interval, resampled_scores
from utils.ablation.counts import BY_CLASS, CLIP_METRICS, REVIEW_METRICS, Counts
from utils.ablation.spec import Spec
from utils.errors import UserError

Runs = dict[tuple[str, int], Counts]  # by variant and seed


@dataclass(frozen=True)
class Row:
    """A variant: its scores by metric and seed, and what it has more than the baseline, by seed of both."""

    variant: str
    changed: list[str]
    scores: dict[str, dict[int, float]]
    differences: dict[int, float]
    interval: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        """The interval leaves out 0."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True)
class Study:
    """`samples` is how many there are in all seeds together; `unit` says what they are."""

    spec: Spec
    rows: list[Row]
    samples: int
    unit: str
    missing: list[tuple[str, int]]


def compare(spec: Spec, runs: Runs) -> Study:
    """
    Args:
        runs: those that there are, at least one.
    Raises:
        UserError: a run was not scored on the samples of its baseline.
    """
    ids = list(dict.fromkeys(one for counts in runs.values() for one in counts.ids))
    what, mean = (CLIP_METRICS | REVIEW_METRICS)[spec.metric]
    aligned = {key: _aligned(counts.ids, counts.of[what], ids) for key, counts in runs.items()}
    _check_paired(spec, aligned)
    resampled = dict(zip(runs, resampled_scores(list(aligned.values()), mean, _strata(spec.metric, aligned, len(ids)))))
    rows = [_row(spec, variant, runs, resampled) for variant in spec.variants]
    missing = [(variant, seed) for variant in spec.variants for seed in spec.seeds if (variant, seed) not in runs]
    return Study(spec, rows, len(ids), "clips" if what == "class" else "reviews", missing)


def _aligned(own: list[str], counts: np.ndarray, ids: list[str]) -> np.ndarray:
    """Counts (N, 3, K) of all ids; of those that a run has not, as another seed's validation clips, none."""
    place = {one: number for number, one in enumerate(ids)}
    aligned = np.zeros((len(ids), *counts.shape[1:]))
    np.add.at(aligned, [place[one] for one in own], counts)
    return aligned


def _check_paired(spec: Spec, aligned: dict[tuple[str, int], np.ndarray]) -> None:
    for (variant, seed), counts in aligned.items():
        baseline = aligned.get((spec.baseline, seed), counts)
        if counts.shape != baseline.shape or not np.array_equal(counts[:, 2], baseline[:, 2]):
            raise UserError(f"study {spec.name}: {variant!r} and {spec.baseline!r} were not scored on the same samples "
                            f"of {spec.split} at seed {seed}; a setting of the data must be the same in all variants")


def _strata(metric: str, aligned: dict[tuple[str, int], np.ndarray], samples: int) -> np.ndarray:
    """(N,): a clip's class, where each class has its own share in the score; else all are one."""
    if metric not in BY_CLASS:
        return np.zeros(samples, dtype=int)
    return np.maximum.reduce([counts[:, 2] for counts in aligned.values()]).argmax(-1)


def _row(spec: Spec, variant: str, runs: Runs, resampled: dict[tuple[str, int], np.ndarray]) -> Row:
    seeds = [seed for seed in spec.seeds if (variant, seed) in runs]
    scores = {metric: {seed: runs[variant, seed].score(metric) for seed in seeds}
              for metric in (spec.metric, *spec.also)}
    both = [seed for seed in seeds if (spec.baseline, seed) in runs and variant != spec.baseline]
    differences = {seed: scores[spec.metric][seed] - runs[spec.baseline, seed].score(spec.metric) for seed in both}
    drawn = [resampled[variant, seed] - resampled[spec.baseline, seed] for seed in both]
    return Row(variant, spec.changed(variant), scores, differences, interval(np.mean(drawn, axis=0)) if both else None)
