import pytest
import torch

from tests.utils.health.parts import Listed, close, listed, names, parts, reborn, video
from utils.health.samples import Samples
from utils.prediction import Predictions
from utils.structures import Batch


def watch(train: Listed, val: Listed | None = None, **settings) -> Samples:
    return Samples(parts(video(**settings), loaders={"train": train, "val": val or listed(0, 1, 2)}))


def batch(of: Listed, places: list[int], bad: tuple = ()) -> Batch:
    good = [place for place in places if place not in bad]
    return Batch(of.targets[good], [of.ids[place] for place in good], bad=[(of.ids[place], "") for place in bad])


def epoch(samples: Samples, of: Listed, *batches: list[int], bad: tuple = ()) -> list:
    for places in batches:
        samples.loaded(batch(of, places, tuple(place for place in bad if place in places)))
        samples.seen = reborn(samples).seen
    return close(samples)


@pytest.mark.parametrize("batches, bad, found", [
    (([3, 1], [0, 2]), (), []), (([3, 1], [0, 2]), (1, 2), []), (([3, 1], [0, 0]), (), ["not-every-sample"]),
    (([3, 1], [0]), (), ["not-every-sample"]),
])
def test_every_sample_comes_once(batches, bad, found):
    train = listed(0, 1, 2, 0)
    assert names(epoch(watch(train), train, *batches, bad=bad)) == found


def test_a_sample_is_drawn_as_often_as_the_order_repeats_it():
    train = listed(0, 1)
    train.order.visits = [0, 1, 1]
    assert epoch(watch(train), train, [1, 0], [1]) == []
    assert names(epoch(watch(train), train, [1, 0])) == ["not-every-sample"]


def test_labels_belong_to_their_samples():
    train = listed(0, 1, 2, 0)
    samples, wrong = watch(train), batch(train, [0, 1, 2, 3])
    wrong.targets = wrong.targets[[0, 2, 1, 3]]
    samples.loaded(wrong)
    finding, = close(samples)
    assert (finding.name, finding.count, finding.example) == ("mislabelled-batch", 2, "b, c")


def test_labels_of_reviews():
    train = Listed(["a", "b"], torch.tensor([[0, -1], [-2, 1]]))
    samples, wrong = watch(train), batch(train, [0, 1])
    samples.loaded(wrong)
    assert close(samples) == []
    wrong.targets = torch.tensor([[0, -1], [-2, 0]])
    samples.loaded(wrong)
    assert [finding.example for finding in close(samples)] == ["b"]


def test_strangers():
    train = listed(0, 1)
    samples = watch(train)
    samples.loaded(Batch(torch.tensor([0, 0]), ["a", "q"]))
    assert "strange-samples" in names(close(samples))


def test_samples_that_are_listed_twice_are_not_told_apart():
    train = Listed(["a", "a", "b"], torch.tensor([0, 1, 2]))
    assert epoch(watch(train), train, [0, 1], [2]) == []


@pytest.mark.parametrize("same, batches, found", [(True, 10, ["same-order"]), (False, 10, []), (True, 9, [])])
def test_two_epochs_in_one_order(same, batches, found):
    train = listed(*range(12), batches=batches)
    samples, order = watch(train), list(range(12))
    assert epoch(samples, train, order) == []
    assert names(epoch(samples, train, order if same else order[::-1])) == found


def test_shuffled_and_not():
    train = listed(*[label for label in range(4) for _ in range(50)])
    samples, order = watch(train), torch.randperm(200, generator=torch.Generator().manual_seed(0)).tolist()
    assert epoch(samples, train, order) == []
    assert names(epoch(samples, train, list(range(200)))) == ["not-shuffled"]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("off", [False, True])
def test_the_weighted_sampler_s_shares(power, off):
    """Of 90 and 10 clips a power of 1 draws as many of each, 0.5 three to one, 0 nine to one."""
    train = listed(*[0] * 90, *[1] * 10)
    share = {0.0: 0.1, 0.5: 0.25, 1.0: 0.5}[power]
    stream = torch.Generator().manual_seed(1)
    rare = torch.rand(400, generator=stream) < (0.9 if off else share)
    few, many = (torch.randint(number, (400,), generator=stream) for number in (10, 90))
    drawn = torch.where(rare, 90 + few, many)
    found = epoch(watch(train, use_weighted_sampler=True, sampler_power=power), train, drawn.tolist())
    assert ("sampler" in names(found)) == off


def predicted(of: Listed, places: list[int]) -> Predictions:
    return Predictions([of.ids[place] for place in places], of.targets[places])


@pytest.mark.parametrize("places, found", [
    ([0, 1, 2, 3], []), ([3, 1, 0, 2], []), ([0, 1, 2], []), ([0, 1], ["evaluation-incomplete"]),
    ([0, 1, 2, 3, 3], ["evaluation-incomplete"]),
])
def test_evaluation_sees_each_sample_but_a_few_bad_ones(places, found):
    """A quarter may be unreadable."""
    val = listed(0, 1, 2, 0)
    samples = watch(listed(0), val, max_bad_clips=0.25)
    samples.evaluated("val", predicted(val, places))
    samples = reborn(samples)
    assert names(close(samples)) == found and close(samples) == []


def test_evaluation_keeps_labels_and_split():
    val = listed(0, 1, 2)
    samples, wrong = watch(listed(0), val), predicted(val, [0, 1, 2])
    wrong.targets = wrong.targets.flip(0)
    samples.evaluated("val", wrong)
    samples.evaluated("val", Predictions(["q", "b", "c"], val.targets))
    assert [finding.count for finding in samples.of_evaluation()] == [2]


def test_bad_clips_that_are_listed_often_count_by_name():
    """4 of 40 may be bad: four of the names a to e are, that are listed 8 times each."""
    val = Listed([name for name in "abcde" for _ in range(8)], torch.zeros(40, dtype=torch.int64))
    samples = watch(listed(0), val, max_bad_clips=0.1)
    samples.evaluated("val", predicted(val, [0]))
    assert close(samples) == []
