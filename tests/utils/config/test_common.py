"""What every task's settings have: checked of each task, as each inherits it."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from utils.config import CONFIGS, DataConfig, TrainConfig, VideoConfig, VideoDataConfig, VideoTrainConfig, flag
from utils.errors import UserError

WRONG_DATA = [
    dict(val_fraction=1.0), dict(val_fraction=-0.1), dict(batch_size=0), dict(num_workers=-1), dict(reader_timeout=-1),
    dict(max_bad_clips=-0.1),
]
WRONG_TRAIN = [
    dict(epochs=0), dict(accumulate=0), dict(ema=1), dict(ema=-0.1), dict(milestones=(3, 2)), dict(lr=-1),
    dict(weight_decay=-1), dict(warmup_epochs=-1), dict(gamma=-1), dict(grad_clip=-1), dict(early_stop=-1),
    dict(save_every=-1), dict(seed=-1),
]
RIGHT_DATA = dict(val_fraction=0, batch_size=1, num_workers=0, reader_timeout=0, max_bad_clips=0)
RIGHT_TRAIN = dict(epochs=1, accumulate=1, ema=0, milestones=(2, 2), lr=0, weight_decay=0, warmup_epochs=0, gamma=0,
                   grad_clip=0, early_stop=0, save_every=0, seed=0)

each_task = pytest.mark.parametrize("task", CONFIGS.values(), ids=CONFIGS)


@each_task
@pytest.mark.parametrize("part, settings", [*(("data", wrong) for wrong in WRONG_DATA),
                                            *(("train", wrong) for wrong in WRONG_TRAIN)], ids=str)
def test_a_value_out_of_range_is_named_by_its_flag(task, part, settings):
    with pytest.raises(UserError, match=f"^{flag(next(iter(settings)))}[ :]"):
        task.sections()[part](**settings)


@each_task
@pytest.mark.parametrize("part, settings", [("data", RIGHT_DATA), ("train", RIGHT_TRAIN)])
def test_values_on_the_edge_are_taken(task, part, settings):
    taken = task.sections()[part](**settings)
    assert {name: getattr(taken, name) for name in settings} == settings


@each_task
def test_sections_in_order(task):
    sections = task.sections()
    assert list(sections) == ["data", "model", "loss", "train"]
    assert issubclass(sections["data"], DataConfig) and issubclass(sections["train"], TrainConfig)
    assert all(type(getattr(task(), name)) is section for name, section in sections.items())


@each_task
def test_settings_are_the_fields_of_the_sections_each_once(task):
    names = [field.name for section in task.sections().values() for field in dataclasses.fields(section)]
    assert len(names) == len(set(names)) and list(task.settings()) == names and "recipe" not in names
    assert all(name in {field.name for field in dataclasses.fields(section)}
               for name, section in task.settings().items())


@each_task
def test_a_config_is_frozen(task):
    with pytest.raises(dataclasses.FrozenInstanceError):
        task().train.lr = 3


@each_task
def test_the_recipes_model_is_the_task(task):
    assert CONFIGS[task().model.model] is task


@each_task
def test_flat_holds_every_setting_in_use(task):
    config = task(recipe="r")
    flat = config.flat()
    assert set(flat) == {"recipe", *task.settings()} - set(config.unused()) and flat["recipe"] == "r"
    assert yaml.safe_load(yaml.safe_dump(flat)) == flat


def test_flat_is_in_plain_types():
    flat = VideoConfig(data=VideoDataConfig(root_dir=Path("a b")), train=VideoTrainConfig(milestones=(1, 2))).flat()
    assert (flat["root_dir"], flat["milestones"], flat["test_annotation"]) == ("a b", [1, 2], None)
