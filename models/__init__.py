"""The networks. Tensors in, an Output out."""

import torch
from torch import nn

from models.clip import load_clip
from models.recogniser import VideoRecogniser
from models.texts import class_texts
from utils.config import Config
from utils.seeding import seed_step


def video(config: Config, classes: list[str]) -> VideoRecogniser:
    """A recogniser of `classes` as the recipe describes it."""
    seed_step(config.train.seed, -1 % 2**32)  # initial weights depend on the seed alone
    clip = load_clip(config.model.clip_model, config.model.clip_pretrained, config.data.image_size)
    return VideoRecogniser(
        clip,
        class_texts(classes, config.model.text_type),
        config.model,
        two_streams=config.data.streams == "both",
        keys=config.loss.moco_keys if config.loss.use_moco else "none",
        momentum=config.loss.moco_m,
        trainable_image=config.train.lr_image_encoder > 0,
    )


MODELS = {"video": video}


def build_model(config: Config, classes: list[str]) -> nn.Module:
    return MODELS["video"](config, classes)
