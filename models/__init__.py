"""The networks. Tensors in, an Output out."""

import logging
from pathlib import Path

from torch import nn

from models.weights import load_part, load_weights, read_about, save_run_model
from utils.config import Config, SimclrConfig, TextConfig, VideoConfig
from utils.errors import UserError, first_line
from utils.seeding import INITIAL, seed_torch
from utils.structures import Labels

__all__ = ["build_model", "load_run", "load_run_model", "read_about", "save_run_model"]

log = logging.getLogger("camxuc")

FROM_SCRATCH = 1e-4  # the least learning rate at which a random tower was seen to learn in some 30 epochs


def _clip(config: VideoConfig | SimclrConfig, about: dict) -> nn.Module:
    """Without weights of its own where the run's are to be loaded. --init-from brings no text tower: that stays."""
    from models.clip import load_clip

    pretrained = "none" if about else config.model.clip_pretrained
    about = about or (read_about(start) if (start := config.model.init_from) else {})
    return load_clip(config.model.clip_model, pretrained, config.data.image_size, about.get("quick_gelu", False))


def _started(model: nn.Module, config: VideoConfig | SimclrConfig, about: dict) -> nn.Module:
    """With the encoder of --init-from, unless its own weights are to be loaded."""
    if (run := config.model.init_from) and not about:
        load_part(model, "video", run)
        if model.quick_gelu != read_about(run).get("quick_gelu", False):
            raise UserError(f"--init-from {run}: its encoder has another activation; give --clip-pretrained as that "
                            "run did")
        model.meet_keys()
        log.info("encoder from %s", run)
    return model


def video(config: VideoConfig, labels: Labels, about: dict) -> nn.Module:
    from models.recogniser import VideoRecogniser
    from models.texts import class_texts

    untrained = config.model.clip_pretrained == "none" and not config.model.init_from
    if not about and untrained and config.train.lr_image_encoder < FROM_SCRATCH:
        log.warning("--clip-pretrained none: a random image tower hardly learns at --lr-image-encoder %g; "
                    "configs/demo.yaml has settings that do", config.train.lr_image_encoder)
    return _started(VideoRecogniser(
        _clip(config, about),
        class_texts(labels.classes, config.model.text_type),
        config.model,
        two_streams=config.data.streams == "both",
        keys=config.loss.moco_keys if config.loss.use_moco and config.loss.lambda_moco else "none",
        momentum=config.loss.moco_m,
        trainable_image=config.train.lr_image_encoder > 0,
    ), config, about)


def pretraining(config: SimclrConfig, labels: Labels, about: dict) -> nn.Module:
    from models.simclr import SimCLR

    return _started(SimCLR(
        _clip(config, about),
        config.model,
        config.loss.projection_width,
        two_streams=config.data.streams == "both",
        momentum=config.loss.moco_m if config.loss.ssl == "moco" else None,
    ), config, about)


def text(config: TextConfig, labels: Labels, about: dict) -> nn.Module:
    from models.aspects import ReviewReader
    from models.text_encoder import config_of, encoder_of, load_encoder, longest_input

    settings = config.model
    if about:
        try:
            encoder = encoder_of(config_of(about["encoder"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError("model.safetensors does not say what encoder its weights are of, or one that is not known "
                            f"here: {type(error).__name__}: {first_line(error)}") from None
    else:
        encoder = load_encoder(settings.encoder, settings.vocab_size)
    if config.data.max_tokens > (limit := longest_input(encoder.config)):
        raise UserError(f"--max-tokens {config.data.max_tokens}: {settings.encoder} reads {limit} at most")
    if config.train.freeze_embeddings:
        encoder.get_input_embeddings().requires_grad_(False)
    return ReviewReader(
        encoder, labels, settings,
        mentions=config.loss.unmentioned == "ignore",
        contrasts=config.loss.contrastive_weight > 0,
        trainable_encoder=config.train.lr_encoder > 0,
    )


# Each imports its own parts: open_clip for clips and transformers for reviews take seconds.
MODELS = {"video": video, "text": text, "simclr": pretraining}


def build_model(config: Config, labels: Labels, about: dict | None = None) -> nn.Module:
    """The network that the recipe names; its random weights depend on the seed alone.

    Args:
        about: of a run's saved weights, which are to be loaded afterwards: then no others are.
    """
    seed_torch(config.train.seed, INITIAL)
    return MODELS[config.model.model](config, labels, about or {})


def load_run_model(run_dir: Path, config: Config) -> tuple[nn.Module, Labels]:
    """The network of a finished run with its best weights, and what it decides; nothing is downloaded.

    Raises:
        UserError: the run has no weights, or they do not fit `config`.
    """
    about = read_about(run_dir)
    labels = Labels(**about.pop("labels"))
    model = build_model(config, labels, about)
    load_weights(model, run_dir)
    return model, labels


def load_run(folder: str | Path, device: str = "auto", **settings):
    """A finished run, or what was exported of one, ready to predict; see `inference.load_run`.

    The one door that opens upward, and only when it is called: `inference` stands on the networks and on the files.
    """
    from inference import load_run

    return load_run(folder, device, **settings)
