import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.utils.health.parts import clips, close, forward, names, parts, reborn, step, video
from utils.config import TextConfig
from utils.health.memory import Bins, Queue
from utils.losses import GHMCLoss, MoCoLoss
from utils.structures import Output


def watch(size: int = 8, keys: str = "video") -> tuple[Queue, MoCoLoss]:
    loss = MoCoLoss(4, size)
    return Queue(parts(video(moco_keys=keys), objective=nn.ModuleList([loss]))), loss


def put(queue: Queue, loss: MoCoLoss, labels: list[int], number: int = 1, times: int = 1, **output) -> None:
    queue.before(number, number, False)
    for _ in range(times):
        loss.enqueue(F.normalize(torch.randn(len(labels), 4), dim=-1), torch.tensor(labels))
    forward(queue, step(clips(labels), Output(**output), {"moco": 1.0}))


@pytest.mark.parametrize("size, batches", [(8, [2, 2]), (4, [3, 3, 3]), (4, [6]), (4, [6, 1, 9]), (1, [2, 1])])
def test_a_queue_that_turns(size, batches):
    """Also where a batch is longer than the queue."""
    queue, loss = watch(size)
    for epoch in (1, 2):
        for number, length in enumerate(batches):
            put(queue, loss, list(range(length)), number)
            queue = reborn(queue)
        assert close(queue, epoch) == []


@pytest.mark.parametrize("times, found", [(0, ["queue-stands-still"]), (1, []), (2, ["queue-stands-still"])])
def test_each_step_puts_in_its_keys_once(times, found):
    queue, loss = watch()
    for number in range(2):
        put(queue, loss, [0, 1], number, times)
    assert names(close(queue)) == found


def test_age_and_same_class():
    """Of 4 keys in a queue for 8, two are of each clip's class; they came in two steps."""
    queue, loss = watch()
    put(queue, loss, [0, 1], 0)
    put(queue, loss, [0, 1], 1)
    row = {}
    assert close(queue, row=row) == []
    assert row == pytest.approx({"health_queue_same_class": 0.5, "health_queue_age": 2.0})


def test_keys_are_of_unit_length():
    queue, loss = watch()
    put(queue, loss, [0, 1])
    loss.queue[1] *= 1.01
    assert names(close(queue)) == ["queue-damaged"]


def test_keys_that_are_no_numbers():
    queue, loss = watch()
    put(queue, loss, [0, 1])
    loss.queue[1] *= float("nan")
    assert names(close(queue)) == ["queue-damaged"]


def test_the_keys_of_a_step_that_is_left_out_are_not_waited_for():
    queue, loss = watch()
    put(queue, loss, [0, 1])
    queue.before(1, 1, False)
    forward(queue, step(clips([1, 1])), norm=torch.nan)
    assert close(queue) == []


def test_an_epoch_whose_steps_are_all_left_out_leaves_the_next_ones_figures_alone():
    queue, loss = watch()
    for norm in (torch.inf, 1.0):
        queue.before(0, 0, False)
        if norm == 1.0:
            loss.enqueue(F.normalize(torch.randn(2, 4), dim=-1), torch.tensor([0, 1]))
        forward(queue, step(clips([0, 1])), norm)
        row = {}
        assert close(queue, row=row) == []
    assert row == pytest.approx({"health_queue_same_class": 0.5, "health_queue_age": 1.0})


def test_keys_of_texts_of_a_step_that_is_left_out_are_not_kept():
    queue, loss = watch(keys="text")
    key, row = torch.eye(2, 4), {}
    queue.before(0, 0, True)
    loss.enqueue(key, torch.tensor([0, 1]))
    forward(queue, step(output=Output(key=key)))
    forward(queue, step(output=Output(key=key * torch.nan)), norm=torch.nan)
    assert close(queue, row=row) == [] and row["health_queue_drift"] == pytest.approx(0, abs=1e-6)


def test_more_keys_than_float32_can_count_are_counted():
    queue, loss = watch()
    queue.before(0, 0, False)
    put = 2**24 + 3
    queue.add_of_step(put=put, steps=1, same=torch.zeros(()))
    queue.gradients(torch.ones(()))
    queue.add_of_step(put=2, steps=1, same=torch.zeros(()))
    queue.gradients(torch.ones(()))
    loss.queue[:, 0] = 1
    loss.count.fill_(8), loss.pointer.fill_((put + 2) % 8)
    assert close(queue) == []


@pytest.mark.parametrize("cosine, found", [(0.52, []), (0.48, ["queue-stale"])])
def test_keys_of_texts_grow_stale(cosine, found):
    queue, loss = watch(keys="text")
    now, row = torch.eye(2, 4), {}
    old = cosine * now + (1 - cosine**2) ** 0.5 * torch.eye(4)[2:]
    queue.before(0, 0, True)
    loss.enqueue(old, torch.tensor([0, 1]))
    forward(queue, step(output=Output(key=now), parts={"moco": 1.0}))
    assert names(close(queue, row=row)) == found
    assert row["health_queue_drift"] == pytest.approx(1 - cosine, abs=1e-5)


def test_without_a_queue_or_a_step_nothing_is_said():
    queue = Queue(parts())
    queue.before(0, 0, True)
    queue.forward(step())
    assert close(queue) == [] and close(watch()[0]) == []


# ---------------------------------------------------------------- bins

def bins(steps: int, training: bool = True, norm: float = 1.0, **shares: float) -> list:
    loss = GHMCLoss(4).train(training)
    watch = Bins(parts(TextConfig(), objective=nn.ModuleList([loss])))
    for number in range(steps):
        watch.before(number, number, False)
        loss(torch.randn(5, 3), torch.arange(5) % 3)
        stats = {f"ghm_g_bin_{name}": torch.tensor(share) for name, share in shares.items()}
        forward(watch, step(stats=stats), norm)
        watch = reborn(watch)
    return close(watch)


@pytest.mark.parametrize("steps, training, found", [(3, True, []), (3, False, ["bins-stand-still"]), (2, False, [])])
def test_bins_are_updated(steps, training, found):
    assert names(bins(steps, training)) == found


def test_bins_of_steps_that_are_left_out_may_stand_still():
    assert bins(9, False, torch.inf) == []


def test_one_bin_is_a_note():
    assert names(bins(3, **{"00": 0.97, "01": 0.03})) == []
    shares = {"00": 0.01, "01": 0.99}
    finding, = bins(3, **shares)
    assert (finding.level, finding.name) == ("note", "one-bin") and "bin 1 of 2" in finding.text
