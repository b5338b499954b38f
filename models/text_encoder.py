"""BERT-like encoders: from a folder, from the hub, or our own small one."""

import logging
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, XLMRobertaConfig
from transformers.utils import logging as transformers_logging

from utils.errors import UserError, first_line

log = logging.getLogger("camxuc")
transformers_logging.set_verbosity_error()  # what it would say of missing weights is said here, as an error
transformers_logging.disable_progress_bar()

# On a CPU the backward pass of the fused attention is slower in bf16 than that of plain products.
ATTENTION = "sdpa" if torch.cuda.is_available() else "eager"

# ViSoBERT's architecture (XLM-R), small. Ids of its tokenizer: <s> 0, <pad> 1, </s> 2.
TINY = dict(num_hidden_layers=3, hidden_size=128, num_attention_heads=4, intermediate_size=512,
            max_position_embeddings=514, type_vocab_size=1, bos_token_id=0, pad_token_id=1, eos_token_id=2)


def load_encoder(name: str, vocab_size: int) -> nn.Module:
    """
    Args:
        name: a folder, a hub name, or `tiny`, which gets random weights.
        vocab_size: tokens of `tiny`.
    Raises:
        UserError: no such encoder, or its files lack some of its weights.
    """
    if name == "tiny":
        return encoder_of(XLMRobertaConfig(vocab_size=vocab_size, **TINY))
    try:
        encoder, about = AutoModel.from_pretrained(name, output_loading_info=True, trust_remote_code=False,
                                                   attn_implementation=ATTENTION)
    # No such name, no connection, no weights, an architecture not known; a damaged file; shapes that do not match.
    except (OSError, ValueError, SafetensorError, RuntimeError, EOFError, UnpicklingError) as error:
        said = "its weights do not fit its config.json." if "size mismatch" in str(error) else first_line(error)
        raise UserError(f"--encoder {name}: {said} Give a folder that holds one.") from None
    if lacking := sorted(key for key in about["missing_keys"] if not key.startswith("pooler.")):
        raise UserError(f"--encoder {name}: its files lack {len(lacking)} weights, e.g. {lacking[0]}")
    return _without_pooler(encoder)


def encoder_of(config: PreTrainedConfig) -> nn.Module:
    """An encoder with random weights."""
    return _without_pooler(AutoModel.from_config(config, attn_implementation=ATTENTION))


def config_of(settings: dict) -> PreTrainedConfig:
    """What `encoder.config.to_dict()` was taken from."""
    return AutoConfig.for_model(**settings)


def longest_input(config: PreTrainedConfig) -> int:
    """Tokens of a text at most. RoBERTa's kinds count positions from behind the padding id."""
    offset = config.pad_token_id + 1 if "roberta" in config.model_type else 0
    return config.max_position_embeddings - offset


def _without_pooler(encoder: nn.Module) -> nn.Module:
    """Many checkpoints hold no weights for it: its output would be of random ones."""
    if hasattr(encoder, "pooler"):
        encoder.pooler = None
    return encoder
