"""The networks. Tensors in, an Output out."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from models.clip import load_clip
from models.recogniser import VideoRecogniser
from models.texts import class_texts
from models.weights import load_weights, read_about, save_run_model
from utils.config import Config
from utils.seeding import INITIAL, seed_torch

__all__ = ["build_model", "load_run_model", "save_run_model"]


def video(config: Config, classes: list[str], quick_gelu: bool) -> VideoRecogniser:
    clip = load_clip(config.model.clip_model, config.model.clip_pretrained, config.data.image_size, quick_gelu)
    return VideoRecogniser(
        clip,
        class_texts(classes, config.model.text_type),
        config.model,
        two_streams=config.data.streams == "both",
        keys=config.loss.moco_keys if config.loss.use_moco and config.loss.lambda_moco else "none",
        momentum=config.loss.moco_m,
        trainable_image=config.train.lr_image_encoder > 0,
    )


MODELS = {"video": video}


def build_model(config: Config, classes: list[str], quick_gelu: bool = False) -> nn.Module:
    """The network that the recipe names, for `classes`; its random weights depend on the seed alone."""
    seed_torch(config.train.seed, INITIAL)
    return MODELS[config.model.model](config, classes, quick_gelu)


def load_run_model(run_dir: Path, config: Config) -> tuple[nn.Module, list[str]]:
    """The network of a finished run with its best weights, and the class names; nothing is downloaded.

    Raises:
        UserError: the run has no weights, or they do not fit `config`.
    """
    about = read_about(run_dir)
    config = replace(config, model=replace(config.model, clip_pretrained="none"))
    model = build_model(config, about["classes"], about["quick_gelu"])
    load_weights(model, run_dir)
    return model, about["classes"]
