"""Prompt learner (CoOp; Zhou et al., 2022, arXiv 2109.01134): learned context vectors around class texts."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.text_tower import TextTower
from utils.errors import UserError


class PromptLearner(nn.Module):
    """Prompts of C classes with K texts each: start token, M context vectors, class text, end token.

    `context` is the only parameter: (C, M, W), or (1, M, W) where all classes share it.

    Args:
        tower: gives token ids and embeddings; not kept, so that a momentum copy of this module stays small.
        texts: C lists of K texts.
        contexts_number: M.
        position: where the class text stands: "end", "middle" or "front".
        class_specific: one context per class.
        init: words that the context starts from, repeated or cut to M tokens; random if empty.
    Raises:
        UserError: a prompt does not fit CLIP's context, or `init` has no words.
    """

    def __init__(self, tower: TextTower, texts: list[list[str]], contexts_number: int, position: str,
                 class_specific: bool, init: str = ""):
        super().__init__()
        self.classes, self.per_class = len(texts), len(texts[0])
        tokens = tower.tokenize([text for group in texts for text in group])  # (C*K, L)
        words = tokens.argmax(dim=-1) - 1  # (C*K,) tokens between start and end
        free = tokens.shape[1] - 2 - int(words.max())
        if contexts_number > free:
            raise UserError(f"--contexts-number {contexts_number}: the longest class text leaves room for {free}")
        self.length = int(words.max()) + contexts_number + 2
        order = [_order(int(n), contexts_number, tokens.shape[1], position) for n in words]
        # Kept in state_dict, all three: a run's weights are loaded into a network that was built with random ones.
        self.register_buffer("order", torch.tensor(order, device=tokens.device))  # (C*K, L)
        self.register_buffer("end", words + contexts_number + 1)  # (C*K,)
        self.register_buffer("embedded", tower.embed(tokens).detach().clone())  # (C*K, L, W)
        rows = self.classes if class_specific else 1
        self.context = nn.Parameter(_initial_context(tower, init, contexts_number).repeat(rows, 1, 1))
        self.kept: tuple[list, list, Tensor] | None = None  # what features were made of, its state, and they

    def forward(self, tower: TextTower) -> Tensor:
        """Unit-length class features, (C, D); K texts of a class are averaged.

        Where no gradient is asked for they are made once, for all to read, and again when anything that they are made
        of is another tensor or was written to (not by way of `.data` or numpy, of which a tensor does not know).
        """
        if torch.is_grad_enabled() and self.context.requires_grad or torch.is_inference_mode_enabled():
            return self.encode(tower)
        parts = [*self.parameters(), *self.buffers(), *tower.parameters(), *tower.buffers()]
        state = [(id(part), part.data_ptr(), part._version) for part in parts]
        state += _precision(self.context.device.type)
        if self.kept is None or self.kept[1] != state:
            with torch.no_grad():
                # The parts are held, for an id and a place are given to others once a tensor is gone.
                self.kept = parts, state, self.encode(tower)
        return self.kept[2]

    def encode(self, tower: TextTower) -> Tensor:
        """The features, made anew."""
        context = self.context.expand(self.classes, -1, -1).repeat_interleave(self.per_class, dim=0)  # (C*K, M, W)
        pieces = torch.cat([self.embedded, context], dim=1)  # (C*K, L+M, W)
        prompts = pieces.gather(1, self.order[..., None].expand(-1, -1, pieces.shape[-1]))  # (C*K, L, W)
        features = tower(prompts, self.end, self.length)
        return mean_per_class(features, self.per_class)


def _precision(device: str) -> tuple[bool, torch.dtype]:
    return torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)


def mean_per_class(features: Tensor, per_class: int) -> Tensor:
    """Mean of each class's K unit features, again of unit length, (C*K, D) -> (C, D)."""
    return F.normalize(features.unflatten(0, (-1, per_class)).mean(dim=1), dim=-1)


def _order(words: int, context: int, length: int, position: str) -> list[int]:
    """For each of `length` positions, which piece stands there: a token (< length) or a context vector."""
    vectors = list(range(length, length + context))
    before = {"end": context, "middle": context // 2, "front": 0}[position]
    text = list(range(1, 1 + words))
    rest = list(range(1 + words, length))
    return ([0] + vectors[:before] + text + vectors[before:] + rest)[:length]


def _initial_context(tower: TextTower, init: str, number: int) -> Tensor:
    """(M, W)"""
    device = tower.text.positional_embedding.device
    if not init:
        return torch.empty(number, tower.width, device=device).normal_(std=0.02)
    ids = tower.tokenizer.encode(init)
    if not ids:
        raise UserError(f"--contexts-init {init!r}: has no words")
    ids = (ids * number)[:number]
    return tower.embed(torch.tensor(ids, device=device)).detach().clone()
