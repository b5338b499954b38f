import torch

from dataloaders.packed import PackedSplit, Shard
from tests.utils.health.parts import listed, names, parts, video
from utils.config import SimclrConfig
from utils.health.streamed_samples import StreamedSamples
from utils.id_sum import id_sum
from utils.structures import Batch

LABELS = [0, 1, 2] * 50  # of samples 0, 1, 2 and so on


class Stream:
    """As dataloaders' in what is read of it."""

    streamed = True

    def __init__(self, size: int = 150):
        labels = LABELS[:size]
        self.held = PackedSplit((Shard("train-00000.tar", 512, "", size),), tuple(labels.count(n) for n in range(3)),
                                id_sum(map(str, range(size))), "")


def watch(loader=None, config=None) -> StreamedSamples:
    return StreamedSamples(parts(config or video(), loaders={"train": loader or Stream(), "val": listed(0, 1)}))


def batch(*numbers: int, labels=None, bad=()) -> Batch:
    """Of these samples, and some that are bad."""
    return Batch(torch.tensor(labels or [LABELS[n] for n in numbers], dtype=torch.int64), [str(n) for n in numbers],
                 bad=[(name, "is damaged") for name in bad])


def epoch(watch, order, size: int = 6, **changes) -> list[str]:
    """What is found when samples come in this order."""
    for start in range(0, len(order), size):
        watch.loaded(batch(*order[start : start + size]))
    return names(watch.close(1, {}))


def mixed(seed: int) -> list[int]:
    return torch.randperm(150, generator=torch.Generator().manual_seed(seed)).tolist()


def test_a_sound_stream():
    one = watch()
    assert epoch(one, mixed(0)) == epoch(one, mixed(1)) == []
    assert set(one.seen) == {"order"}  # nothing of an epoch stays


def test_what_is_known_of_an_epoch_does_not_grow_with_it():
    one = watch()
    one.loaded(batch(0, 1, 2))
    before = str(one.seen)
    for start in range(3, 150, 3):
        one.loaded(batch(start, start + 1, start + 2))
    assert len(str(one.seen)) < len(before) + 40


def test_a_sample_that_is_missing_or_comes_twice_for_another():
    order = mixed(0)
    assert epoch(watch(), order[:-1]) == ["not-every-sample"]
    twice = [0 if n == 3 else n for n in order]  # of the same class
    assert epoch(watch(), twice) == ["not-every-sample"]


def test_another_label():
    one, order = watch(), mixed(0)
    for n in order:
        one.loaded(batch(n, labels=[2 if n == 9 else LABELS[n]]))
    assert names(one.close(1, {})) == ["mislabelled-batch"]


def test_bad_samples_are_counted_and_hide_who_they_are():
    one, order = watch(), mixed(0)
    one.loaded(batch(*order[:5], bad=["train-00000.tar: 000000005.json"]))
    assert epoch(one, order[6:]) == []
    one.loaded(batch(*order[:5], bad=["train-00000.tar: 000000005.json"]))
    assert epoch(one, order[7:]) == ["not-every-sample"]


def test_the_same_order_and_one_by_class():
    one = watch()
    assert epoch(one, mixed(0)) == [] and epoch(one, mixed(0)) == ["same-order"]
    by_class = sorted(range(150), key=lambda n: LABELS[n])
    assert epoch(watch(), by_class) == ["not-shuffled"]


def test_numbers_are_no_labels():
    one, order = watch(config=SimclrConfig()), mixed(0)
    for n in order:
        one.loaded(batch(n, labels=[n]))
    assert names(one.close(1, {})) == []


def test_what_is_not_streamed_is_left_to_the_other_watch():
    one = watch(listed(0, 1, 2))
    one.loaded(batch(0))
    assert one.seen == {} and names(one.close(1, {})) == []


def test_a_resumed_epoch_goes_on():
    one, other, order = watch(), watch(), mixed(0)
    for n in order[:70]:
        one.loaded(batch(n))
    other.seen = one.seen
    assert epoch(other, order[70:], size=1) == []
