from pathlib import Path

import pytest

from utils.config import VideoConfig, VideoDataConfig, VideoLossConfig, VideoModelConfig, VideoTrainConfig, flag
from utils.errors import UserError

WRONG = [
    (VideoDataConfig, [
        dict(random_erasing=1.5), dict(random_erasing=-0.5), dict(augment=-1), dict(sampler_power=-1)]),
    (VideoModelConfig, [dict(contexts_number=0), dict(temperature=0)]),
    (VideoLossConfig, [
        dict(label_smoothing=1), dict(label_smoothing=-0.1), dict(moco_m=1.1), dict(moco_m=-0.1), dict(moco_k=0),
        dict(moco_t=0), dict(mixup_alpha=-1), dict(ldl_target_mass=1), dict(ldl_target_mass=0),
        dict(ldl_temperature=0.0), dict(ldl_warmup=-1), dict(lambda_mi=-1), dict(mi_warmup=-1), dict(mi_ramp=-1),
        dict(lambda_dc=-1), dict(dc_warmup=-1), dict(dc_ramp=-1), dict(dc_rows=-1), dict(lambda_moco=-1)]),
    (VideoTrainConfig, [
        dict(lr_adapter=float("nan")), dict(lr_adapter=-1), dict(lr_image_encoder=-1), dict(lr_prompt_learner=-1)]),
]
CASES = [(section, settings) for section, cases in WRONG for settings in cases]


@pytest.mark.parametrize("section, settings", CASES, ids=str)
def test_a_value_out_of_range_is_named_by_its_flag(section, settings):
    with pytest.raises(UserError, match=f"^{flag(next(iter(settings)))} "):
        section(**settings)


def test_values_on_the_edge_are_taken():
    for section, settings in (
        (VideoDataConfig, dict(sampler_power=0, random_erasing=1, augment=0)),
        (VideoModelConfig, dict(contexts_number=1, temperature=1e-6)),
        (VideoLossConfig, dict(label_smoothing=0, moco_m=1, ldl_temperature="auto", lambda_mi=0, mixup_alpha=0)),
        (VideoTrainConfig, dict(lr_adapter=0, lr_image_encoder=0, lr_prompt_learner=0)),
    ):
        taken = section(**settings)
        assert {name: getattr(taken, name) for name in settings} == settings


def test_no_setting_of_a_clips_recipe_puts_another_out_of_use():
    config = VideoConfig(loss=VideoLossConfig(use_moco=False, use_ldl=False, lambda_dc=0))
    assert set(config.unused()) == {"stream_lanes", "shuffle_buffer"}
    stream = VideoDataConfig(stream="there", packed=Path("pack"))
    config = VideoConfig(data=stream)
    assert config.unused() == {} and {"stream", "shuffle_buffer"} <= set(config.flat())
