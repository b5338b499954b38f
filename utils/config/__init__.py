"""Every setting of a run, in one typed, frozen Config. utils/recipe.py makes it from YAML and flags."""

from utils.config.bench import BenchSettings
from utils.config.checks import flag
from utils.config.clips import ClipDataConfig, ClipModelConfig
from utils.config.common import FREE_TO_CHANGE, Config, DataConfig, TrainConfig
from utils.config.export import ExportSettings
from utils.config.faces import FaceSettings, FacesSettings
from utils.config.predict import ClipPredictSettings, ReviewPredictSettings, WindowSettings
from utils.config.serve import ServeSettings
from utils.config.simclr import SimclrConfig, SimclrDataConfig, SimclrLossConfig, SimclrModelConfig, SimclrTrainConfig
from utils.config.text import TextConfig, TextDataConfig, TextLossConfig, TextModelConfig, TextTrainConfig
from utils.config.video import VideoConfig, VideoDataConfig, VideoLossConfig, VideoModelConfig, VideoTrainConfig

__all__ = [
    "CONFIGS", "FREE_TO_CHANGE", "ClipDataConfig", "ClipModelConfig", "Config", "DataConfig", "TrainConfig", "flag",
    "BenchSettings", "ClipPredictSettings", "ExportSettings", "FaceSettings", "FacesSettings", "ReviewPredictSettings",
    "ServeSettings", "WindowSettings",
    "SimclrConfig", "SimclrDataConfig", "SimclrLossConfig", "SimclrModelConfig", "SimclrTrainConfig",
    "TextConfig", "TextDataConfig", "TextLossConfig", "TextModelConfig", "TextTrainConfig",
    "VideoConfig", "VideoDataConfig", "VideoLossConfig", "VideoModelConfig", "VideoTrainConfig",
]

CONFIGS: dict[str, type[Config]] = {  # by the recipe's `model`
    "video": VideoConfig, "text": TextConfig, "simclr": SimclrConfig}
