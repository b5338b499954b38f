import dataclasses
from pathlib import Path

import pytest
import yaml

from utils.config import VideoConfig, VideoDataConfig, VideoLossConfig, VideoModelConfig, VideoTrainConfig, flag
from utils.errors import UserError

WRONG = [
    (VideoDataConfig, dict(val_fraction=1.0)), (VideoDataConfig, dict(centre_crop=0)), (VideoDataConfig, dict(centre_crop=1.1)),
    (VideoDataConfig, dict(num_segments=0)), (VideoDataConfig, dict(duration=0)), (VideoDataConfig, dict(image_size=0)),
    (VideoDataConfig, dict(batch_size=0)), (VideoDataConfig, dict(num_workers=-1)), (VideoDataConfig, dict(crop_body=True)),
    (VideoDataConfig, dict(reader_timeout=-1)), (VideoDataConfig, dict(random_erasing=1.5)), (VideoDataConfig, dict(augment=-1)),
    (VideoDataConfig, dict(max_bad_clips=-0.1)), (VideoDataConfig, dict(box_margin=-0.1)),
    (VideoModelConfig, dict(temporal_layers=0)), (VideoModelConfig, dict(contexts_number=0)), (VideoModelConfig, dict(temperature=0)),
    (VideoModelConfig, dict(adapter_ratio=0)), (VideoModelConfig, dict(temporal_heads=0)), (VideoModelConfig, dict(dropout=1.0)),
    (VideoLossConfig, dict(label_smoothing=1)), (VideoLossConfig, dict(moco_m=1.1)), (VideoLossConfig, dict(moco_k=0)),
    (VideoLossConfig, dict(mixup_alpha=-1)), (VideoLossConfig, dict(ldl_target_mass=1)), (VideoLossConfig, dict(ldl_temperature=0.0)),
    (VideoLossConfig, dict(moco_t=0)), (VideoLossConfig, dict(lambda_mi=-1)), (VideoLossConfig, dict(lambda_dc=-1)),
    (VideoLossConfig, dict(lambda_moco=-1)), (VideoLossConfig, dict(dc_rows=-1)), (VideoLossConfig, dict(mi_ramp=-1)),
    (VideoDataConfig, dict(image_size=15)), (VideoDataConfig, dict(sampler_power=-1)), (VideoTrainConfig, dict(gamma=-1)),
    (VideoTrainConfig, dict(epochs=0)), (VideoTrainConfig, dict(accumulate=0)), (VideoTrainConfig, dict(ema=1)),
    (VideoTrainConfig, dict(milestones=(3, 2))), (VideoTrainConfig, dict(lr=-1)), (VideoTrainConfig, dict(lr_adapter=float("nan"))),
    (VideoTrainConfig, dict(weight_decay=-1)), (VideoTrainConfig, dict(grad_clip=-1)), (VideoTrainConfig, dict(seed=-1)),
    (VideoTrainConfig, dict(early_stop=-1)), (VideoTrainConfig, dict(save_every=-1)), (VideoTrainConfig, dict(warmup_epochs=-1)),
]


@pytest.mark.parametrize("section, settings", WRONG, ids=lambda value: str(value))
def test_a_value_out_of_range_is_named_by_its_flag(section, settings):
    with pytest.raises(UserError, match=flag(next(iter(settings)))):
        section(**settings)


def test_values_on_the_edge_are_taken():
    for section, settings in (
        (VideoDataConfig, dict(val_fraction=0, centre_crop=1, num_workers=0, reader_timeout=0, sampler_power=0, image_size=16)),
        (VideoLossConfig, dict(label_smoothing=0, moco_m=1, ldl_temperature="auto", lambda_mi=0, mixup_alpha=0)),
        (VideoTrainConfig, dict(lr=0, gamma=0, grad_clip=0, ema=0, milestones=(2, 2))),
    ):
        taken = section(**settings)
        assert {name: getattr(taken, name) for name in settings} == settings


def test_every_setting_has_a_line_of_help_and_no_two_share_a_name():
    names = [field.name for section in (VideoDataConfig, VideoModelConfig, VideoLossConfig, VideoTrainConfig)
             for field in dataclasses.fields(section)]
    assert len(names) == len(set(names))


def test_a_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        VideoConfig().train.lr = 3


def test_flat_holds_every_setting_in_plain_types():
    config = VideoConfig(recipe="r", data=VideoDataConfig(root_dir=Path("a b")), train=VideoTrainConfig(milestones=(1, 2)))
    flat = config.flat()
    fields = sum(len(dataclasses.fields(section)) for section in (config.data, config.model, config.loss, config.train))
    assert len(flat) == 1 + fields
    assert (flat["recipe"], flat["root_dir"], flat["milestones"], flat["test_annotation"]) == ("r", "a b", [1, 2], None)
    assert yaml.safe_load(yaml.safe_dump(flat)) == flat
