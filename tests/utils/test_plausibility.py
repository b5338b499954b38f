"""Settings with which hardly anything can be learned are named; those of every recipe are not."""

from pathlib import Path

import pytest

from utils.plausibility import USUAL, audit_settings
from utils.recipe import load_config

RECIPES = sorted(path.stem for path in (Path(__file__).parent.parent.parent / "configs").glob("*.yaml"))


def odd(recipe: str, flags: str = "", batches: int = 100) -> list[str]:
    """The flags that are named."""
    findings = list(audit_settings(load_config(recipe, flags.split()), batches))
    assert all(finding.name == "odd-setting" and finding.level == "warning" and finding.remedy for finding in findings)
    return [finding.text.split()[0] for finding in findings]


@pytest.mark.parametrize("recipe", RECIPES)
def test_our_recipes_have_usual_settings(recipe):
    assert odd(recipe) == []


@pytest.mark.parametrize(("recipe", "flags"), [
    ("demo", "--temperature 1"), ("demo", "--temperature 1e-4"), ("demo", "--weight-decay 50"),
    ("demo", "--label-smoothing 0.95"), ("demo", "--mixup-alpha 200"), ("demo", "--dropout 0.97"),
    ("demo", "--grad-clip 1e-7"), ("demo", "--warmup-epochs 40"), ("demo", "--lambda-moco 1000"),
    ("demo", "--ldl-warmup 100"), ("demo", "--mi-warmup 26"), ("demo", "--lr-image-encoder 0"),
    ("demo", "--centre-crop 0.05"), ("demo", "--moco-t 50"), ("demo", "--lr 1e-8"), ("demo", "--lr-adapter 3"),
    ("demo", "--accumulate 101"), ("demo", "--milestones 26 30"), ("demo", "--moco-m 1"),
    ("demo", "--sampler-power 5 --use-weighted-sampler"), ("demo", "--gamma 2 --milestones 5"),
    ("simclr_demo", "--temperature 20"), ("simclr_demo", "--moco-m 1 --ssl moco"),
    ("absa_demo", "--focal-gamma 50 --loss-type focal"), ("absa_demo", "--token-dropout 0.95"),
    ("absa_demo", "--contrastive-weight 100"), ("absa_demo", "--lr-encoder 0"),
    ("absa_demo", "--classification-weight 1e-4"), ("absa_demo", "--contrastive-temperature 1e-3")])
def test_an_odd_setting_is_named(recipe, flags):
    assert odd(recipe, flags) == [flags.split()[0]]


@pytest.mark.parametrize(("lanes", "buffer", "found"), [(32, 1024, []), (32, 255, ["--shuffle-buffer"]), (4, 32, [])])
def test_a_stream_that_is_hardly_shuffled(lanes, buffer, found):
    stream = "--packed p --stream s --val-fraction 0 --no-use-weighted-sampler --batch-size 64"
    assert odd("demo", f"{stream} --stream-lanes {lanes} --shuffle-buffer {buffer}") == found


@pytest.mark.parametrize(("recipe", "flags"), [
    ("demo", "--grad-clip 0"), ("demo", "--lr-prompt-learner 0"), ("demo", "--no-use-moco --moco-t 50"),
    ("demo", "--sampler-power 5"), ("demo", "--no-use-ldl --ldl-warmup 100"), ("demo", "--lambda-dc 0 --dc-warmup 90"),
    ("demo", "--optimizer sgd --lr 0.5"), ("demo", "--epochs 1 --warmup-epochs 0.5 --ldl-warmup 0.5"),
    ("demo", "--lr-image-encoder 0 --clip-pretrained timm --clip-model timm/resnet10t"),
    ("simclr_demo", "--optimizer lars --lr 4.8"), ("absa_demo", "--loss-type ghm"), ("demo", "--accumulate 100")])
def test_what_is_off_or_usual_elsewhere_is_not_odd(recipe, flags):
    assert odd(recipe, flags) == []


def test_few_steps_are_a_note():
    note, = audit_settings(load_config("demo", ["--epochs", "3", "--ldl-warmup", "1"]), 2)
    assert (note.level, note.name, note.count) == ("note", "few-steps", 6)


def test_ranges_are_of_settings_that_there_are():
    for recipe, task in (("demo", "video"), ("simclr_demo", "simclr"), ("absa_demo", "text")):
        sections = load_config(recipe, []).sections().values()
        assert set(USUAL[task]) <= {name for section in sections for name in section.__dataclass_fields__}
