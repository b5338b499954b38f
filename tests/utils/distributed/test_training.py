"""Several processes train as one with all rows does, term by term."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from commands.build import build_trainer
from tests import small_reviews
from tests.several import together
from utils.distributed import unsharded
from utils.recipe import load_config

# At a rate too small to move a weight, every step's gradient is compared at the same weights; queue, bins and past rows
# fill all the same.
# 14 clips in batches of 3, or 8 reviews in batches of 3: with three processes the last batches leave one without a row.
PLAIN = "--optimizer sgd --lr 1e-12 --warmup-epochs 0 --grad-clip 0 --epochs 20 --force"
CLIPS = f"{PLAIN} --lr-image-encoder 1e-12 --lr-prompt-learner 1e-12 --lr-adapter 1e-12 --dropout 0"
ALONE = "--no-use-moco --lambda-mi 0 --lambda-dc 0"
NOW = "--mi-warmup 0 --mi-ramp 0 --dc-warmup 0 --dc-ramp 0"
REVIEWS = f"{PLAIN} --lr-encoder 1e-12 --dropout 0"

TERMS = {
    "cls": ("video", f"{CLIPS} {ALONE}"),
    "ldl": ("video", f"{CLIPS} {ALONE} --use-ldl --ldl-warmup 0"),
    "mi": ("video", f"{CLIPS} {NOW} --no-use-moco --lambda-mi 1 --lambda-dc 0"),
    "dc": ("video", f"{CLIPS} {NOW} --no-use-moco --lambda-mi 0 --lambda-dc 5"),
    "dc with past rows": ("video", f"{CLIPS} {NOW} --no-use-moco --lambda-mi 0 --lambda-dc 5 --dc-rows 8"),
    "moco of texts": ("video", f"{CLIPS} --lambda-mi 0 --lambda-dc 0 --moco-k 16 --moco-m 0.5"),
    "moco of videos": ("video", f"{CLIPS} --lambda-mi 0 --lambda-dc 0 --moco-k 16 --moco-keys video --moco-m 0.5"),
    "mixup": ("video", f"{CLIPS} {ALONE} --mixup-alpha 1"),
    "everything": ("video", f"{CLIPS} {NOW} --use-ldl --ldl-warmup 1 --lambda-mi 1 --lambda-dc 5 --dc-rows 8 "
                            "--moco-k 16 --moco-keys video --moco-m 0.5 --mixup-alpha 1 --ema 0.9 --accumulate 2"),
    "chunks": ("video", f"{CLIPS} {ALONE} --chunk-size 1"),
    "focal": ("text", f"{REVIEWS} --loss-type focal"),
    "ghm": ("text", f"{REVIEWS} --loss-type ghm"),
    "unified": ("text", f"{REVIEWS} --loss-type unified"),
    "supcon": ("text", f"{REVIEWS} --contrastive-weight 1"),
    "token dropout": ("text", f"{REVIEWS} --token-dropout 0.3"),
    "nt-xent": ("simclr", f"{PLAIN} --dropout 0"),
    "moco of views": ("simclr", f"{PLAIN} --dropout 0 --ssl moco --moco-k 16 --moco-m 0.5"),
}
QUICK = ("everything", "ghm", "supcon", "nt-xent")  # the others are slow tests: together they take minutes


@pytest.fixture(scope="module")
def recipes(recipe, simclr_recipe, tmp_path_factory) -> dict[str, Path]:
    return {"video": recipe, "simclr": simclr_recipe,
            "text": small_reviews.write_recipe(tmp_path_factory.mktemp("reviews"))}


def train(recipe: Path, flags: str, folder: Path, steps: int, dropout: bool = False) -> dict:
    """The gradient of every step, and all that is left of the training."""
    trainer = build_trainer(load_config(str(recipe), flags.split()), folder)
    for layer in trainer.model.modules() if not dropout else ():  # that of a text encoder is no setting
        for name in {"p", "dropout_prob"} & vars(layer).keys():
            setattr(layer, name, 0.0)
    gradients = []

    def note(optimizer, *_):
        names = {p: name for name, p in trainer.model.named_parameters()}
        learning = [p for group in optimizer.param_groups for p in group["params"]]
        gradients.append({names[p]: unsharded(p.grad).clone() for p in learning})

    trainer.optimizer.register_step_pre_hook(note)
    trainer.fit(until_step=steps)
    return {"gradients": gradients, "state": trainer.state_dict()}


@pytest.fixture(scope="module")
def alone(recipes, tmp_path_factory) -> Callable:
    """A term's training in one process."""
    known = {}

    def train_alone(term: str) -> dict:
        if term not in known:
            task, flags = TERMS[term]
            [known[term]] = together(1, train, recipes[task], flags, tmp_path_factory.mktemp("alone"), 8)
        return known[term]

    return train_alone


def tensors(value, place: str = "") -> dict[str, torch.Tensor]:
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, part in items for k, v in tensors(part, f"{place}/{key}").items()}
    return {place: torch.as_tensor(value)} if isinstance(value, torch.Tensor | float | int) else {}


@pytest.mark.parametrize("world", [2, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("term", [term if term in QUICK else pytest.param(term, marks=pytest.mark.slow)
                                  for term in TERMS])
def test_the_gradient_of_every_step_is_that_of_one_process_with_the_joined_batch(recipes, alone, tmp_path, term, world):
    """To 1e-5 of its largest number, over an epoch and a half; and so is whatever the objective remembers."""
    task, flags = TERMS[term]
    expected = alone(term)
    for found in together(world, train, recipes[task], flags, tmp_path, 8):
        assert len(found["gradients"]) == len(expected["gradients"]) == 8
        largest = max(float(gradient.abs().max()) for one in expected["gradients"] for gradient in one.values())
        assert largest > 0.01
        for one, other in zip(expected["gradients"], found["gradients"]):
            for name in one:
                assert float((one[name] - other[name]).abs().max()) <= 1e-5 * largest, name
        kept = tensors(expected["state"]["objective"])
        for place, value in tensors(found["state"]["objective"]).items():
            assert torch.allclose(value.double(), kept[place].double(), atol=1e-5), place


@pytest.mark.slow
@pytest.mark.parametrize("term", ["everything", "ghm", "supcon", "moco of views"])
def test_all_processes_hold_the_same_after_50_steps(recipes, tmp_path, term):
    """Bit for bit: weights, momentum encoder, average, queue, bins, optimiser, counts, and what was measured."""
    task, flags = TERMS[term]
    first, *others = [tensors(found["state"]) for found in
                      together(3, train, recipes[task], f"{flags.replace('1e-12', '1e-4')} --optimizer adamw --ema 0.9",
                               tmp_path, 50, True)]
    assert first["/steps"] == 50
    for other in others:
        assert first.keys() == other.keys()
        assert [place for place in first if not torch.equal(first[place], other[place])
                and not place.endswith("seconds")] == []


def test_towers_with_batch_norms_meet_in_every_step(recipes, tmp_path):
    """Also where one process has a single picture, whose statistics would be none, and another has two."""
    flags = f"{CLIPS} {ALONE} --clip-model tiny --image-size 48 --temporal-heads 4 --streams face --num-segments 1"
    first, second = [tensors(found["state"]["model"]) for found in
                     together(2, train, recipes["video"], flags, tmp_path, 8)]
    assert [place for place in first if not torch.equal(first[place], second[place])] == []
    assert all(bool(value.isfinite().all()) for value in first.values())
