"""Every fault of the catalogue is named before training or within its first epoch, and a sound recipe raises none.

The table in docs/FAULTS.md is made of the same trainings: python -m scripts.fault_table --write docs/FAULTS.md
"""

from pathlib import Path

import pytest

from scripts.fault_table import rows_of
from tests.faults.catalogue import FAULTS
from tests.faults.fault import Fault
from tests.faults.training import findings, findings_of
from utils.findings import Finding

TABLE = Path(__file__).parent.parent.parent / "docs" / "FAULTS.md"


def loud(found: list[Finding], flags: str) -> list[str]:
    """All but notes, and but that random towers which are to be frozen are odd."""
    frozen = "--lr-image-encoder 0" in flags or "--lr-encoder 0" in flags
    return [str(finding) for finding in found
            if finding.level != "note" and not (frozen and "random, and stays so" in finding.text)]


def quick_and_slow(number: int, all_of_them: tuple) -> list:
    """Each is a training of seconds, and there are many: all but the first are slow tests."""
    return [*all_of_them[:number], *(pytest.param(one, marks=pytest.mark.slow) for one in all_of_them[number:])]


SOUND_CLIPS = (
    "", "--num-segments 1",
    "--epochs 2 --use-weighted-sampler --moco-keys video --text-type prompt_ensemble",
    "--streams face --no-use-ldl --mixup-alpha 0 --ema 0 --lr-image-encoder 0",
    "--clip-model micro_bn --mirror --contexts-init emotion --temporal-layers 2 --accumulate 3",
    "--use-amp --amp-dtype bf16 --optimizer sgd --temporal-pool attention --dropout 0",
)


@pytest.mark.parametrize("flags", quick_and_slow(1, SOUND_CLIPS))
def test_sound_clips_raise_nothing(sound, tmp_path, flags):
    assert loud(findings(sound("video"), flags.split(), tmp_path / "run"), flags) == []


SOUND_REVIEWS = (
    "", "--epochs 2 --loss-type ghm --token-dropout 0.1 --pooling cls",
    "--loss-type unified --contrastive-weight 0 --oversample 0.5 --layer-decay 0.9",
    "--loss-type ghm --unmentioned class --freeze-embeddings --token-dropout 0.1",
    "--lr-encoder 0 --pooling mean --accumulate 2 --ema 0.9 --unmentioned neutral",
)


@pytest.mark.parametrize("flags", quick_and_slow(1, SOUND_REVIEWS))
def test_sound_reviews_raise_nothing(sound, tmp_path, flags):
    assert loud(findings(sound("text"), flags.split(), tmp_path / "run"), flags) == []


SOUND_VIEWS = (
    "", "--epochs 2 --ssl moco --moco-m 0.9", "--clip-model micro_bn --streams face --optimizer lars --lr 0.1",
    "--load-size 48 --head-layers 2 --chunk-size 4",
)


@pytest.mark.parametrize("flags", quick_and_slow(1, SOUND_VIEWS))
def test_sound_pretraining_raises_nothing(sound, tmp_path, flags):
    assert loud(findings(sound("simclr"), flags.split(), tmp_path / "run"), flags) == []


# A few of them are quick.
SOME = [pytest.param(fault, id=fault.name, marks=[pytest.mark.slow] if number % 30 else [])
        for number, fault in enumerate(FAULTS)]


@pytest.mark.parametrize("fault", SOME)
def test_the_fault_is_named(fault: Fault, sound, tmp_path, monkeypatch):
    found = findings_of(fault, sound, tmp_path, monkeypatch)
    assert fault.finding in {finding.name for finding in found}


def test_the_table_holds_every_fault():
    told = rows_of(TABLE.read_text(encoding="utf-8"))
    assert {name: shows for name, shows, *_ in told} == {fault.name: fault.shows for fault in FAULTS}
    assert {name: finding for name, _, finding, _ in told} == {fault.name: fault.finding for fault in FAULTS}
    assert len(FAULTS) >= 20 and all(text for *_, text in told)
