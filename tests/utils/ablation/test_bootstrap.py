import numpy as np
import pytest
from scipy import stats

from utils.ablation import bootstrap
from utils.ablation.bootstrap import interval, resampled_scores, resamples
from utils.ablation.counts import score
from utils.seeding import BOOTSTRAP, generator


def clip_counts(true: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """(N, 3, C)."""
    true, said = np.eye(classes)[true], np.eye(classes)[said]
    return np.stack([true * said, said, true], axis=1)


def drawn(stream, true: np.ndarray, right: float, classes: int) -> np.ndarray:
    """Answers, of which a share is right."""
    return np.where(stream.random(len(true)) < right, true, stream.integers(0, classes, len(true)))


def test_accuracy_has_the_interval_of_scipys_paired_bootstrap(monkeypatch):
    stream = np.random.default_rng(5)
    true = stream.integers(0, 3, 60)
    answers = [drawn(stream, true, right, 3) for right in (0.5, 0.7)]
    monkeypatch.setattr(bootstrap, "CELLS", 60 * 128)  # 999 resamples take several blocks
    scores = resampled_scores([clip_counts(true, said, 3) for said in answers], "micro_f1", np.zeros(60, int), 999)
    found = interval(scores[1] - scores[0])
    reference = stats.bootstrap([(said == true).astype(float) for said in answers],
                                lambda one, other, axis: other.mean(axis) - one.mean(axis), paired=True,
                                n_resamples=999, method="percentile", rng=generator(0, BOOTSTRAP))
    assert found == pytest.approx(tuple(reference.confidence_interval), abs=1e-12)
    assert found[0] < (answers[1] == true).mean() - (answers[0] == true).mean() < found[1]


@pytest.mark.parametrize("mean", ["recall", "macro_f1", "micro_f1"])
def test_a_score_of_weights_is_that_of_the_samples_drawn(mean):
    stream = np.random.default_rng(7)
    true = stream.integers(0, 4, 25)
    runs = [clip_counts(true, drawn(stream, true, 0.6, 4), 4) for _ in range(3)]
    found = resampled_scores(runs, mean, true, 40)
    weights = np.concatenate(list(resamples(true, 40))).astype(int)
    for place, row in enumerate(weights):
        chosen = np.repeat(np.arange(25), row)
        for run, of in enumerate(runs):
            assert found[run, place] == pytest.approx(float(score(of[chosen].sum(0), mean)))
    assert found.shape == (3, 40) and len(np.unique(found[0])) > 5


def test_each_stratum_keeps_its_size_and_its_samples_are_equally_likely():
    strata = np.array([2, 0, 0, 7, 2, 2, 0, 2])
    weights = np.concatenate(list(resamples(strata, 4000)))
    assert weights.shape == (4000, 8)
    for stratum in (0, 2, 7):
        members = weights[:, strata == stratum]
        size = members.shape[1]
        assert (members.sum(1) == size).all()
        assert members.mean(0) == pytest.approx(np.ones(size), abs=0.06)
        assert members.var(0) == pytest.approx(np.full(size, 1 - 1 / size), abs=0.08)  # of a multinomial draw


def test_the_blocks_do_not_matter_and_the_draws_are_the_same_each_time(monkeypatch):
    whole = np.concatenate(list(resamples(np.zeros(10, int), 50)))
    monkeypatch.setattr(bootstrap, "CELLS", 70)
    parts = list(resamples(np.zeros(10, int), 50))
    assert [len(part) for part in parts] == [7] * 7 + [1]
    assert np.array_equal(np.concatenate(parts), whole)


def test_runs_that_say_the_same_differ_by_nothing():
    true = np.arange(30) % 3
    runs = [clip_counts(true, (true + (np.arange(30) < 9)) % 3, 3)] * 2
    scores = resampled_scores(runs, "recall", true, 200)
    assert interval(scores[1] - scores[0]) == (0, 0) and scores[0].std() > 0.03


def test_the_interval_leaves_out_a_fortieth_at_each_end():
    assert interval(np.arange(1001)[::-1]) == pytest.approx((25, 975))


def test_the_interval_covers_the_true_difference_as_often_as_it_says():
    """Two recognisers, two seeds each, that are right of each class with known probabilities; the answers of one clip
    hang together, as clips are easy or hard for all."""
    stream, sizes, studies = np.random.default_rng(3), (60, 30, 20), 400
    rights = np.array([[0.8, 0.6, 0.5], [0.7, 0.7, 0.65]])  # of each recogniser, by class
    true = np.repeat(np.arange(3), sizes)
    covered = 0
    for _ in range(studies):
        luck = stream.random(len(true))  # of the clip, which half of the answers follow
        counts = []
        for right in rights.repeat(2, axis=0):
            own = np.where(stream.random(len(true)) < 0.5, luck, stream.random(len(true)))
            counts.append(clip_counts(true, np.where(own < right[true], true, (true + 1) % 3), 3))
        scores = resampled_scores(counts, "recall", true, 300)
        low, high = interval(scores[2:].mean(0) - scores[:2].mean(0))
        covered += low <= (rights[1] - rights[0]).mean() <= high
    assert 0.92 < covered / studies < 0.98  # 0.95 with a standard error of 0.011
