"""The review reader: an encoder, and heads that say which aspects a review mentions and what it feels of each."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.distributed import joined
from utils.structures import Batch, Labels, Output


class AspectAttention(nn.Module):
    """One learned query for each aspect; softmax attention over the tokens."""

    def __init__(self, width: int, aspects: int):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(aspects, width) / width**0.5)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(B, L, D), (B, L) -> (B, A, D)"""
        scores = torch.einsum("bld,ad->bal", hidden, self.queries).float()
        scores = scores.masked_fill(mask.unsqueeze(1) == 0, float("-inf"))
        return torch.einsum("bal,bld->bad", scores.softmax(dim=-1).to(hidden.dtype), hidden)


class PerAspectLinear(nn.Module):
    """A linear layer for each aspect: one that all share, and a difference of its own that starts at 0.

    What is said of one aspect is mostly said of others in the same words, so that rare ones learn from all.
    """

    def __init__(self, width: int, aspects: int, outputs: int):
        super().__init__()
        self.shared = nn.Linear(width, outputs)
        self.own = nn.Parameter(torch.zeros(aspects, outputs, width))
        self.bias = nn.Parameter(torch.zeros(aspects, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1 or A, W) -> (B, A, O)"""
        x = x.expand(-1, len(self.own), -1)
        return self.shared(x) + torch.einsum("baw,aow->bao", x, self.own) + self.bias


class ReviewReader(nn.Module):
    """
    Args:
        encoder: gives `last_hidden_state` (B, L, D) of token ids and a mask.
        labels: A aspects, and S classes of each.
        settings: TextModelConfig.
        mentions: whether a head of its own says which aspects are mentioned.
        contrasts: whether there is a projection for a contrastive loss.
        trainable_encoder: if not, it is run without dropout and without a gradient.
    """

    def __init__(self, encoder: nn.Module, labels: Labels, settings, mentions: bool = True, contrasts: bool = True,
                 trainable_encoder: bool = True):
        super().__init__()
        self.encoder, self.pooling, self.trainable_encoder = encoder, settings.pooling, trainable_encoder
        width, aspects = encoder.config.hidden_size, len(labels.aspects)
        self.attention = AspectAttention(width, aspects) if settings.pooling == "aspect" else None
        self.sentiments = nn.Sequential(
            nn.Linear(width, settings.head_width), nn.ReLU(), nn.Dropout(settings.dropout),
            PerAspectLinear(settings.head_width, aspects, len(labels.classes)),
        )
        self.mentions = nn.Sequential(
            nn.Dropout(settings.dropout), PerAspectLinear(width, aspects, 1)
        ) if mentions else None
        self.projection = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, settings.projection_width)
        ) if contrasts else None

    def forward(self, batch: Batch) -> Output:
        output = self._decide(self.encode(batch), batch.mask)
        # Behind the heads: their dropout is drawn by each process for its own rows.
        return output.map_tensors(lambda rows: joined(rows, batch.shares))

    def encode(self, batch: Batch) -> Tensor:
        """Hidden states, (B, L, D)."""
        with torch.set_grad_enabled(self.trainable_encoder and torch.is_grad_enabled()):
            return self.encoder(batch.tokens, attention_mask=_added(batch.mask)).last_hidden_state

    def read(self, embedded: Tensor) -> Output:
        """Of reviews of one length given as the encoder's token embeddings, (B, L, D), with a gradient to them."""
        mask = torch.ones(embedded.shape[:2], dtype=torch.int64, device=embedded.device)
        return self._decide(self.encoder(inputs_embeds=embedded, attention_mask=_added(mask)).last_hidden_state, mask)

    def _decide(self, hidden: Tensor, mask: Tensor) -> Output:
        """Hidden states (B, L, D) and their mask (B, L)."""
        pooled = self._pool(hidden, mask)  # (B, 1 or A, D)
        embedding = pooled.mean(dim=1)  # (B, D)
        return Output(
            logits=self.sentiments(pooled),  # (B, A, S)
            embedding=embedding,
            mention=self.mentions(pooled).squeeze(-1) if self.mentions else None,  # (B, A)
            projection=self._project(embedding) if self.projection and self.training else None,  # (B, P)
        )

    def _project(self, embedding: Tensor) -> Tensor:
        return F.normalize(self.projection(embedding).float(), dim=-1)

    def _pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.attention is not None:
            return self.attention(hidden, mask)
        if self.pooling == "cls":
            return hidden[:, :1]
        mask = mask.unsqueeze(-1).to(hidden.dtype)  # (B, L, 1)
        return (hidden * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)

    def class_features(self) -> dict[str, Tensor]:
        """No loss of this task compares with features of the classes."""
        return {}

    def about(self) -> dict:
        """What is needed to build the network around saved weights."""
        settings = self.encoder.config.to_dict()
        settings.pop("_name_or_path", None)  # a folder of the machine that it was trained on
        return {"encoder": settings}

    def after_step(self) -> None:
        """Nothing follows the weights."""

    def train(self, mode: bool = True) -> "ReviewReader":
        super().train(mode)
        if not self.trainable_encoder:
            self.encoder.eval()
        return self

    def towers(self) -> list[nn.Module]:
        """Where nearly all the time goes, of tensors alone."""
        return [self.encoder]

    def parameter_groups(self) -> dict[str, list[tuple[str, nn.Parameter]]]:
        """Trainable parameters by the name that their learning rate goes by."""
        groups = {"encoder": [], "": []}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                groups["encoder" if name.startswith("encoder.") else ""].append((name, parameter))
        return groups


def _added(mask: Tensor) -> Tensor:
    """(B, L) of 1 and 0 -> (B, 1, 1, L), to be added to the attention's scores.

    Of a mask of two axes transformers asks the device whether all of it is 1, and the host would wait for that.
    """
    return (mask[:, None, None] - 1) * torch.finfo(torch.float16).max
