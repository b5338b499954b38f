"""Every setting of a run, in one typed, frozen Config. utils/recipe.py makes it from YAML and flags."""

from utils.config.checks import flag
from utils.config.common import Config, DataConfig, TrainConfig
from utils.config.text import TextConfig, TextDataConfig, TextLossConfig, TextModelConfig, TextTrainConfig
from utils.config.video import VideoConfig, VideoDataConfig, VideoLossConfig, VideoModelConfig, VideoTrainConfig

__all__ = [
    "CONFIGS", "Config", "DataConfig", "TrainConfig", "flag",
    "TextConfig", "TextDataConfig", "TextLossConfig", "TextModelConfig", "TextTrainConfig",
    "VideoConfig", "VideoDataConfig", "VideoLossConfig", "VideoModelConfig", "VideoTrainConfig",
]

CONFIGS: dict[str, type[Config]] = {"video": VideoConfig, "text": TextConfig}  # by the recipe's `model`
