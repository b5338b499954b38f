import numpy as np
import pytest

from tests.utils.ablation.studies import clips, small, spec
from utils.ablation import study
from utils.ablation.bootstrap import interval, resamples
from utils.ablation.study import compare
from utils.errors import UserError

VARIANTS = {"full": "", "other": "--lr 0.5"}


def test_scores_and_differences_by_hand(configure):
    found = small(configure)
    full, no_ldl, bad = found.rows
    assert full.scores["uar"] == pytest.approx({0: 5 / 6, 1: 11 / 12}) and full.scores["war"] == {0: 7 / 8, 1: 7 / 8}
    assert no_ldl.scores["uar"] == pytest.approx({0: 2 / 3, 1: 11 / 12})
    assert no_ldl.differences == pytest.approx({0: -1 / 6, 1: 0}) and no_ldl.changed == ["--no-use-ldl"]
    assert full.differences == {} and full.interval is None and full.changed == [] and not full.clear
    assert bad.scores["uar"] == {1: 0} and bad.differences == pytest.approx({1: -11 / 12})
    assert bad.clear and not no_ldl.clear
    assert (found.samples, found.unit, found.missing) == (8, "clips", [("a|b_[%]*", 0)])


def test_the_interval_is_of_the_mean_over_seeds_of_paired_resamples(configure, monkeypatch):
    """Recomputed sample by sample."""
    monkeypatch.setattr(study, "resampled_scores", lambda *words: resampled(*words, 200))
    from utils.ablation.bootstrap import resampled_scores as resampled

    true, said = "aaaabbccc", {("full", 0): "aaacbbccb", ("full", 1): "aabcbbcac", ("other", 0): "abababccc",
                               ("other", 1): "aaaabaccc"}
    found = compare(spec(configure, VARIANTS), {key: clips(true, of) for key, of in said.items()}).rows[1].interval
    strata = np.array(["abc".index(letter) for letter in true])
    differences = []
    for weights in np.concatenate(list(resamples(strata, 200))):
        uar = {key: np.mean([np.average([a == b for a, b in zip(true, of) if a == letter], weights=[
            w for a, w in zip(true, weights) if a == letter]) for letter in "abc"]) for key, of in said.items()}
        differences.append(np.mean([uar["other", seed] - uar["full", seed] for seed in (0, 1)]))
    assert found == pytest.approx(interval(np.array(differences)))


@pytest.mark.parametrize("metric, within", [("uar", True), ("macro_f1", True), ("war", False)])
def test_clips_are_drawn_within_their_classes_where_each_has_its_share(configure, monkeypatch, metric, within):
    seen = []
    monkeypatch.setattr(study, "resampled_scores", lambda runs, mean, strata: seen.append(strata) or np.zeros((5, 9)))
    small(configure, metric=metric)
    assert seen[0].tolist() == ([0, 0, 0, 0, 1, 1, 2, 2] if within else [0] * 8)


def test_without_its_baseline_a_run_has_no_difference(configure):
    row = compare(spec(configure, VARIANTS), {("full", 0): clips("ab", "ab"), ("other", 1): clips("ab", "aa")}).rows[1]
    assert row.scores["uar"] == {1: 0.5} and row.differences == {} and row.interval is None


def test_seeds_may_have_samples_of_their_own(configure):
    """As where validation is drawn from training by the seed."""
    runs = {("full", 0): clips("aab", "aab", "xyz"), ("other", 0): clips("aab", "abb", "xyz"),
            ("full", 1): clips("bac", "bac", "uyw"), ("other", 1): clips("bac", "bab", "uyw")}
    found = compare(spec(configure, VARIANTS, split="val"), runs)
    assert found.samples == 5 and found.rows[1].differences == pytest.approx({0: -1 / 4, 1: -1 / 3})
    assert found.rows[1].interval[0] < -7 / 24 <= found.rows[1].interval[1] <= 0


def test_the_order_of_samples_does_not_matter(configure):
    runs = {("full", 0): clips("abc", "abb", "xyz"), ("other", 0): clips("cab", "cab", "zxy")}
    row = compare(spec(configure, VARIANTS, seeds=(0,)), runs).rows[1]
    straight = compare(spec(configure, VARIANTS, seeds=(0,)), runs | {("other", 0): clips("abc", "abc", "xyz")}).rows[1]
    assert row == straight and row.differences == pytest.approx({0: 1 / 3})


@pytest.mark.parametrize("other", [clips("aa", "aa"), clips("abc", "abc"), clips("ab", "ab", "xy")],
                         ids=["labels", "more", "ids"])
def test_runs_of_other_samples_are_not_compared(configure, other):
    with pytest.raises(UserError, match="'other' and 'full' were not scored on the same samples of test at seed 0"):
        compare(spec(configure, VARIANTS), {("full", 0): clips("ab", "ab"), ("other", 0): other})
