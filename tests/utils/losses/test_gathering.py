"""Several processes, each with its rows, against one with all of them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from utils.losses import NTXentLoss
from utils.losses.gathering import gathered

ROOT = Path(__file__).parents[3]

# One of several processes: DDP over gloo, a batch of its own, and a step. Rank 0 writes what came of it.
PROCESS = """
import sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from utils.losses import NTXentLoss
from tests.utils.losses.test_gathering import encoder, views

rank, world, store, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
network = encoder()
parallel = DistributedDataParallel(network)
rows = slice(4 * rank, 4 * rank + 4)
first, second = (view[rows] for view in views(4 * world))
z1, z2 = parallel(torch.cat([first, second])).chunk(2)
loss = NTXentLoss(0.2)(z1, z2)
loss.backward()
torch.save({"loss": loss.detach(), "grads": [p.grad for p in network.parameters()]}, f"{out}/{rank}.pt")
dist.destroy_process_group()
"""


def encoder() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 5))


def views(number: int) -> torch.Tensor:
    return torch.randn(2, number, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("world", [2, 3])
def test_several_processes_have_the_loss_and_gradient_of_one(tmp_path, world):
    command = [sys.executable, "-c", PROCESS]
    started = [subprocess.Popen([*command, str(rank), str(world), str(tmp_path / "store"), str(tmp_path)], cwd=ROOT,
                                stderr=subprocess.PIPE, text=True) for rank in range(world)]
    said = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [0] * world, said
    network = encoder()
    z1, z2 = network(torch.cat(list(views(4 * world)))).chunk(2)
    loss = NTXentLoss(0.2)(z1, z2)
    loss.backward()
    for rank in range(world):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert float(found["loss"]) == pytest.approx(float(loss.detach()), abs=1e-6)
        for ours, theirs in zip(found["grads"], network.parameters()):
            assert torch.allclose(ours, theirs.grad, atol=1e-6)


def test_in_a_single_process_rows_are_what_they_were():
    rows = torch.randn(3, 2)
    assert gathered(rows) is rows
