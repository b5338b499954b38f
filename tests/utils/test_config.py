import dataclasses
from pathlib import Path

import pytest
import yaml

from utils.config import Config, DataConfig, LossConfig, ModelConfig, TrainConfig, flag
from utils.errors import UserError

WRONG = [
    (DataConfig, dict(val_fraction=1.0)), (DataConfig, dict(centre_crop=0)), (DataConfig, dict(centre_crop=1.1)),
    (DataConfig, dict(num_segments=0)), (DataConfig, dict(duration=0)), (DataConfig, dict(image_size=0)),
    (DataConfig, dict(batch_size=0)), (DataConfig, dict(num_workers=-1)), (DataConfig, dict(crop_body=True)),
    (DataConfig, dict(reader_timeout=-1)), (DataConfig, dict(random_erasing=1.5)), (DataConfig, dict(augment=-1)),
    (DataConfig, dict(max_bad_clips=-0.1)), (DataConfig, dict(box_margin=-0.1)),
    (ModelConfig, dict(temporal_layers=0)), (ModelConfig, dict(contexts_number=0)), (ModelConfig, dict(temperature=0)),
    (ModelConfig, dict(adapter_ratio=0)), (ModelConfig, dict(temporal_heads=0)), (ModelConfig, dict(dropout=1.0)),
    (LossConfig, dict(label_smoothing=1)), (LossConfig, dict(moco_m=1.1)), (LossConfig, dict(moco_k=0)),
    (LossConfig, dict(mixup_alpha=-1)), (LossConfig, dict(ldl_target_mass=1)), (LossConfig, dict(ldl_temperature=0.0)),
    (LossConfig, dict(moco_t=0)), (LossConfig, dict(lambda_mi=-1)), (LossConfig, dict(lambda_dc=-1)),
    (LossConfig, dict(lambda_moco=-1)), (LossConfig, dict(dc_rows=-1)), (LossConfig, dict(mi_ramp=-1)),
    (DataConfig, dict(image_size=15)), (DataConfig, dict(sampler_power=-1)), (TrainConfig, dict(gamma=-1)),
    (TrainConfig, dict(epochs=0)), (TrainConfig, dict(accumulate=0)), (TrainConfig, dict(ema=1)),
    (TrainConfig, dict(milestones=(3, 2))), (TrainConfig, dict(lr=-1)), (TrainConfig, dict(lr_adapter=float("nan"))),
    (TrainConfig, dict(weight_decay=-1)), (TrainConfig, dict(grad_clip=-1)), (TrainConfig, dict(seed=-1)),
    (TrainConfig, dict(early_stop=-1)), (TrainConfig, dict(save_every=-1)), (TrainConfig, dict(warmup_epochs=-1)),
]


@pytest.mark.parametrize("section, settings", WRONG, ids=lambda value: str(value))
def test_a_value_out_of_range_is_named_by_its_flag(section, settings):
    with pytest.raises(UserError, match=flag(next(iter(settings)))):
        section(**settings)


def test_values_on_the_edge_are_taken():
    for section, settings in (
        (DataConfig, dict(val_fraction=0, centre_crop=1, num_workers=0, reader_timeout=0, sampler_power=0, image_size=16)),
        (LossConfig, dict(label_smoothing=0, moco_m=1, ldl_temperature="auto", lambda_mi=0, mixup_alpha=0)),
        (TrainConfig, dict(lr=0, gamma=0, grad_clip=0, ema=0, milestones=(2, 2))),
    ):
        taken = section(**settings)
        assert {name: getattr(taken, name) for name in settings} == settings


def test_every_setting_has_a_line_of_help_and_no_two_share_a_name():
    names = [field.name for section in (DataConfig, ModelConfig, LossConfig, TrainConfig)
             for field in dataclasses.fields(section)]
    assert len(names) == len(set(names))


def test_a_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().train.lr = 3


def test_flat_holds_every_setting_in_plain_types():
    config = Config(recipe="r", data=DataConfig(root_dir=Path("a b")), train=TrainConfig(milestones=(1, 2)))
    flat = config.flat()
    fields = sum(len(dataclasses.fields(section)) for section in (config.data, config.model, config.loss, config.train))
    assert len(flat) == 1 + fields
    assert (flat["recipe"], flat["root_dir"], flat["milestones"], flat["test_annotation"]) == ("r", "a b", [1, 2], None)
    assert yaml.safe_load(yaml.safe_dump(flat)) == flat
