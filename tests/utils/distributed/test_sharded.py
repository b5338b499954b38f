"""--shard: several processes of which each holds a part of the network train as one that holds all of it."""

import copy
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from commands.build import build_trainer
from tests import test_several as several
from tests.forked import at_step
from tests.several import on, together
from tests.test_several import last, send, spoil, unlike
from tests.test_trainer import leaves
from tests.utils.distributed import test_training as training
from utils import checkpoint
from utils.averaging import move_towards
from utils.config import VideoTrainConfig
from utils.distributed import cut, gathered, norms, rank, samples, unsharded
from utils.distributed.shards import shard
from utils.errors import UserError
from utils.findings import Finding
from utils.health import Health, Watch
from utils.recipe import load_config

alone, recipes, train = training.alone, training.recipes, several.train  # fixtures

TERMS = [(2, "everything"), (3, "everything"), (2, "chunks"), (2, "moco of texts"), (3, "moco of views"), (3, "supcon")]


# What rounding alone decides: whether a weight is too large for a step to move it, the gradient of attention's key
# biases, which add the same to all scores and so nothing to a softmax, and by AdamW's steps these biases themselves.
ROUNDING = ("seconds", "/pushed", "config/shard", "/Movement/start", "in_proj_bias")


def far(one, other, within: float = 1e-5) -> list[str]:
    """Places at which tensors and numbers of two states are further apart than that share of the largest, or of 1."""
    one, other = training.tensors(one), training.tensors(other)
    assert one.keys() == other.keys()
    return [place for place, value in one.items() if not place.endswith(ROUNDING) and value.numel()
            and (value.double() - other[place].double()).abs().max() > within * value.double().abs().max().clamp(min=1)]


# ---------------------------------------------------------------- gradients and steps

@pytest.mark.slow
@pytest.mark.parametrize("world, term", TERMS)
def test_the_gradient_of_every_step_is_that_of_one_process_that_holds_all(recipes, alone, tmp_path, world, term):
    task, flags = training.TERMS[term]
    expected = alone(term)
    found, *others = together(world, training.train, recipes[task], f"{flags} --shard", tmp_path, 8)
    for one, *rest in zip(expected["gradients"], found["gradients"], *(each["gradients"] for each in others)):
        largest = max(float(gradient.abs().max()) for gradient in one.values())
        for other in rest:
            assert one.keys() == other.keys()
            assert max(float((one[name] - other[name]).abs().max()) for name in one) <= 1e-5 * largest
    for part in ("objective", "health") if task == "simclr" else ("objective", "health", "model"):
        assert far(expected["state"][part], found["state"][part]) == []


@pytest.mark.parametrize("optimizer", ["adamw", pytest.param("sgd", marks=pytest.mark.slow)])
def test_steps_are_those_of_processes_that_hold_all(recipes, tmp_path, optimizer):
    """At a rate that moves weights; what follows them, and text features that are kept, move too."""
    flags = training.TERMS["everything"][1].replace("1e-12", "1e-4").replace("--moco-keys video", "--moco-keys text")
    flags = f"{flags} --optimizer {optimizer} --lr-prompt-learner 1e-2"
    states = [together(2, training.train, recipes["video"], f"{flags} {more}", tmp_path / f"of{more}", 6)[0]["state"]
              for more in ("", "--shard")]
    assert far(*states) == []


@pytest.mark.slow
@pytest.mark.parametrize("amp", ["", "bf16"])
def test_each_process_holds_its_part_of_weights_gradients_averages_and_of_what_the_optimiser_keeps(
        recipes, tmp_path, amp):
    flags = f"--ema 0.9 --moco-k 16 --moco-keys video --force {f'--use-amp --amp-dtype {amp}' if amp else ''}"
    whole = sum(value.numel() for value in build_trainer(
        load_config(str(recipes["video"]), flags.split()), tmp_path).model.parameters())
    for found in together(3, _held, recipes["video"], f"{flags} --shard", tmp_path):
        assert all(found["in shards"])
        for part in ("model", "averaged"):
            assert 0.3 * whole < found[part] < 0.37 * whole  # rows of three-dimensional prompts do not go up in three
        assert 0.3 * found["learns"] < found["gradients"] < 0.37 * found["learns"]
        assert found["optimiser"] == 2 * found["gradients"]


def _held(recipe: Path, flags: str, folder: Path) -> dict:
    trainer = build_trainer(load_config(str(recipe), flags.split()), folder)
    gradients = []
    trainer.optimizer.register_step_pre_hook(lambda optimizer, *_: gradients.append(
        sum(p.grad.to_local().numel() for group in optimizer.param_groups for p in group["params"])))
    trainer.fit(until_step=1)
    trainer.evaluate("val")  # after which nothing is left whole
    networks = {"model": trainer.model, "averaged": trainer.averaged}
    kept = [value for state in trainer.optimizer.state.values() for value in state.values() if value.ndim]
    return {"in shards": [hasattr(p, "to_local") for network in networks.values() for p in network.parameters()],
            **{name: sum(p.to_local().numel() for p in network.parameters()) for name, network in networks.items()},
            "learns": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
            "gradients": gradients[0], "optimiser": sum(value.to_local().numel() for value in kept)}


# ---------------------------------------------------------------- whole trainings

def form(state) -> dict:
    return {place: (value.dtype, value.shape) if isinstance(value, torch.Tensor) else type(value)
            for place, value in leaves(state).items() if not place.endswith("/shard")}


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 3])
def test_a_run_leaves_what_that_of_one_process_leaves(train, tmp_path, world):
    assert train(1, "alone")[0] == [0]
    status, said = train(world, "beside", flags=("--shard",), audit=world == 2)
    assert status == [0] * world, said
    assert [place for place in unlike(tmp_path / "alone", tmp_path / "beside", within=1e-5) if place != "/config/shard"
            ] == []
    for name in ("last.pt", "previous.pt", "best.pt"):
        one, other = (checkpoint.load(tmp_path / run / "checkpoints" / name) for run in ("alone", "beside"))
        assert form(one) == form(other)
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("alone", "beside"))
    assert far(one, other) == []
    one, other = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("alone", "beside"))
    assert far(one, other) == []
    for one, other in zip(several.rows(tmp_path / "alone"), several.rows(tmp_path / "beside")):
        assert one.keys() == other.keys() and (one["split"], one["clip"]) == (other["split"], other["clip"])
    assert (tmp_path / "beside" / "report.html").is_file()
    assert all("WAR" not in text for text in said[1:])


@pytest.mark.slow
def test_pretraining_ends_with_its_probes(simclr_recipe, tmp_path):
    """Which the first process makes alone."""
    words = ["train", simclr_recipe, "--shard", "--force", "--epochs", 1, "--output-dir", tmp_path / "run"]
    assert several.train_together(2, words, tmp_path / "said", several.unaudited) == [0, 0]
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert len(next(reversed(metrics.values()))["probes"]["linear"]) > 0


@pytest.mark.slow
def test_features_of_a_frozen_tower_take_the_place_of_frames(train, tmp_path):
    """They are made while each process holds the whole tower."""
    flags = ("--cache-features", "--lr-image-encoder", "0", "--augment", "0", "--mixup-alpha", "0")
    assert train(1, "alone", flags=flags)[0] == [0]
    status, said = train(2, "beside", flags=(*flags, "--shard"))
    assert status == [0, 0], said
    assert [place for place in unlike(tmp_path / "alone", tmp_path / "beside", within=1e-5) if place != "/config/shard"
            ] == []


@pytest.mark.slow
def test_a_single_process_says_that_it_holds_all_and_trains_as_ever(train, tmp_path):
    assert train(1, "alone")[0] == train(1, "flagged", flags=("--shard",))[0] == [0]
    assert unlike(tmp_path / "alone", tmp_path / "flagged") == ["/config/shard"]
    assert (tmp_path / "flagged" / "train.log").read_text().count("--shard: a single process holds all") == 1


@pytest.mark.slow
@pytest.mark.parametrize("before, after", [((2, "--shard"), (1, "--no-shard")), ((1, "--no-shard"), (3, "--shard")),
                                           ((2, "--shard"), (2, "--shard"))])
def test_a_run_goes_on_in_shards_or_without(train, tmp_path, before, after):
    adam = ("--optimizer", "adamw") if before == after else ()
    hook = partial(on, 0, partial(at_step, tmp_path / "broken", 3, partial(send, several.signal.SIGTERM)))
    assert train(before[0], "broken", hook, flags=(before[1], *adam))[0] == [143] * before[0]
    assert last(tmp_path / "broken")["/steps"] == 3
    status, said = train(after[0], "broken", flags=(after[1], *adam))
    assert status == [0] * after[0], said
    world, flag = after if before == after else (1, "--no-shard")
    assert train(world, "whole", flags=(flag, *adam))[0] == [0] * world
    within = 0.0 if before == after else 1e-5  # bit for bit
    assert [place for place in unlike(tmp_path / "whole", tmp_path / "broken", within) if place != "/config/shard"
            ] == []


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_step_that_is_not_finite_in_one_process_is_left_out_in_all(train, tmp_path, optimizer):
    flags = ("--optimizer", optimizer, "--grad-clip", "0")
    assert train(2, "whole", partial(on, 1, partial(spoil, [2])), flags=flags)[0] == [0, 0]
    status, said = train(2, "beside", partial(on, 1, partial(spoil, [2])), flags=(*flags, "--shard"))
    assert status == [0, 0], said
    assert last(tmp_path / "beside")["/history/0/skipped"] == pytest.approx(1 / 5)
    places = [place for place in unlike(tmp_path / "whole", tmp_path / "beside", within=1e-5)
              if place.startswith(("/model", "/averaged", "/optimizer"))]
    assert places == []


# ---------------------------------------------------------------- shards

class Net(nn.Module):
    """Of 5, 1 and 2 rows, which do not go up in three."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(5, 5), nn.Linear(5, 5)])
        self.head, self.scale = nn.Linear(5, 2, bias=False), nn.Parameter(torch.ones(1))
        self.norm = nn.BatchNorm1d(2, affine=False)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).tanh()
        return self.norm(self.head(x) * self.scale)


def _net() -> tuple[Net, nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(rank())  # all begin with the first one's weights
    net = Net()
    averaged, optimizer = copy.deepcopy(net).requires_grad_(False), torch.optim.AdamW(net.parameters(), fused=True)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    return net, averaged, optimizer


def _parts() -> dict:
    net, averaged, optimizer = _net()
    kept = copy.deepcopy(optimizer.state_dict()["state"])
    shard(net, averaged, optimizer, torch.device("cpu"))
    tensors, state = list(net.parameters()), net.state_dict()
    whole = [unsharded(tensor.detach()) for tensor in tensors]
    optimised = {name: {key: unsharded(value) for key, value in each.items()}
                 for name, each in optimizer.state_dict()["state"].items()}
    told = gathered({"net": state, "plain": [1, 2]})
    net.load_state_dict(cut({name: torch.full_like(unsharded(value), 7) for name, value in state.items()}, net))
    loaded = [unsharded(tensor.detach()) for tensor in tensors]
    move_towards(averaged, net, 0.5)
    return {"whole": whole, "kept": kept, "optimised": optimised, "loaded": loaded, "plain": told["plain"],
            "told": {name: value for name, value in told["net"].items()},
            "norms": norms(whole), "of shards": torch.stack(norms([7 / tensor for tensor in tensors])),
            "samples": samples(whole, 3), "averaged": [unsharded(tensor) for tensor in averaged.parameters()]}


def test_what_is_read_of_shards_and_written_to_them_is_that_of_whole_tensors():
    torch.manual_seed(0)
    first, *others = together(3, _parts)
    for found in (first, *others):
        assert all(map(torch.equal, found["whole"], first["whole"]))
        assert training.tensors(found["kept"]).keys() == training.tensors(found["optimised"]).keys()
        assert far(found["kept"], found["optimised"], 0) == []
        assert all(bool((value == 7).all()) for value in found["loaded"])
        sizes = torch.tensor([float(value.numel()) for value in first["whole"]])
        assert torch.allclose(found["of shards"], sizes.sqrt())
    assert all(torch.equal(value, first["told"][name]) for name, value in zip(first["told"], first["whole"]))
    assert all(found["plain"] == [1, 2] for found in others)
    assert {name for name, value in others[0]["told"].items() if value is not None} == {
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}


def _sampled() -> dict:
    net, averaged, optimizer = _net()
    shard(net, averaged, optimizer, torch.device("cpu"))
    return {"whole": [unsharded(p.detach()) for p in net.parameters()], "found": samples(net.parameters(), 4)}


def test_samples_are_those_of_whole_tensors_wherever_they_lie():
    for found in together(3, _sampled):
        flat = [tensor.flatten().tolist() for tensor in found["whole"]]
        expected = [value for values in flat for value in values[:: max(len(values) // 4, 1)][:4]]
        assert found["found"].tolist() == expected


def _versions() -> list[int]:
    net, averaged, optimizer = _net()
    shard(net, averaged, optimizer, torch.device("cpu"))
    seen = []
    net.norm.register_forward_hook(lambda *_: seen.append((net.scale._version, id(net.scale))))
    with torch.no_grad():
        for _ in range(3):
            net.eval()(torch.ones(2, 5))
    assert len({place for _, place in seen}) == 1  # by itself it does not tell
    return [version for version, _ in seen]


def test_whole_weights_are_other_ones_to_what_keeps_features_of_them_in_each_pass_and_process():
    one, *others = together(3, _versions)
    assert len(set(one)) == 3 and all(found == one for found in others)


def test_compiled_towers_are_not_sharded():
    with pytest.raises(UserError, match="--shard beside --compile"):
        VideoTrainConfig(shard=True, compile=True)


def _stopped(folder: Path) -> str:
    class Finds(Watch):
        def close(self, epoch, row):
            if rank() == 0:
                yield Finding("error", "wrong", "something is wrong", "see it")

    watched = SimpleNamespace(config=SimpleNamespace(train=SimpleNamespace(force=False)))
    health = Health(watched, folder, (Finds,))
    try:
        health.stop_on_errors(health.close(1, {}))
    except UserError as error:
        return str(error)
    return ""


def test_what_the_first_process_finds_stops_all(tmp_path):
    assert all("something is wrong" in said for said in together(2, _stopped, tmp_path))
