"""CLIP's text tower, run from token embeddings, so that a prompt may hold learned vectors."""

import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import TextTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from utils.errors import UserError


class TextTower(nn.Module):
    """The frozen text transformer of an open_clip model.

    Raises:
        UserError: the tower is not CLIP's: causal, pooled at the end token, with CLIP's own tokenizer.
            (SigLIP, CoCa and Hugging Face towers are not.)
    """

    def __init__(self, text: nn.Module):
        super().__init__()
        causal = isinstance(text, TextTransformer) and text.attn_mask is not None and text.cls_emb is None
        if not causal or text.pool_type != "argmax":
            raise UserError("--clip-model: its text tower is not CLIP's own (SigLIP, CoCa and Hugging Face "
                            "text towers are not supported); take another model")
        self.text = text.requires_grad_(False)
        self.tokenizer = SimpleTokenizer(context_length=text.context_length)

    @property
    def width(self) -> int:
        return self.text.token_embedding.embedding_dim

    def tokenize(self, texts: list[str]) -> Tensor:
        """Token ids: start token, words, end token, zeros; (N, L).

        Raises:
            UserError: a text is longer than the tower's context, where CLIP would cut it and say nothing.
        """
        room = self.text.context_length - 2
        for text in texts:
            if (length := len(self.tokenizer.encode(text))) > room:
                raise UserError(f"prompt of {length} tokens, CLIP's text tower takes {room}: {text[:60]!r}...")
        return self.tokenizer(texts).to(self.text.positional_embedding.device)

    def embed(self, tokens: Tensor) -> Tensor:
        """Token embeddings, (N, L) -> (N, L, W)."""
        return self.text.token_embedding(tokens)

    def forward(self, embeddings: Tensor, end: Tensor, length: int) -> Tensor:
        """Unit-length text features, (N, D), of prompts.

        Args:
            embeddings: (N, L, W), words or learned vectors.
            end: (N,) position of each prompt's end token, which is where CLIP pools.
            length: positions to run, at least max(end) + 1. Under the causal mask nothing after the end
                token reaches it, so the padding need not be run.
        """
        text = self.text
        x = embeddings[:, :length] + text.positional_embedding[:length]  # (N, length, W)
        x = text.ln_final(text.transformer(x, attn_mask=text.attn_mask[:length, :length]))
        x = x[torch.arange(len(x), device=x.device), end]  # (N, W)
        if isinstance(text.text_projection, nn.Linear):
            x = text.text_projection(x)
        elif text.text_projection is not None:
            x = x @ text.text_projection
        return F.normalize(x.float(), dim=-1)

    def encode(self, texts: list[str]) -> Tensor:
        """Unit-length features of plain texts, (N, D)."""
        tokens = self.tokenize(texts)
        end = tokens.argmax(dim=-1)  # the end token has the largest id
        return self(self.embed(tokens), end, int(end.max()) + 1)
