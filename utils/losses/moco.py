"""Contrast with a queue of past keys, in which keys of the same class are no negatives."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .numerics import IGNORE, check_pairs, check_positive, in_float32, l2_normalize, masked_mean


@in_float32
def moco_loss(query: Tensor, key: Tensor, labels: Tensor, queue: Tensor, queue_labels: Tensor,
              count: Tensor, temperature: float) -> Tensor:
    """InfoNCE of each query (B, D) with its key (B, D) against the first `count` rows of the queue (K, D)."""
    check_pairs(query, key)
    if labels.shape != query.shape[:1]:
        raise ValueError(f"query {tuple(query.shape)} does not match labels {tuple(labels.shape)}")
    query, key = l2_normalize(query), l2_normalize(key.detach())
    positive = (query * key).sum(-1, keepdim=True)  # (B, 1)
    negative = query @ queue.to(query.dtype).T  # (B, K)
    filled = torch.arange(len(queue), device=queue.device) < count
    usable = filled & (queue_labels != IGNORE) & (labels.unsqueeze(-1) != queue_labels)  # (B, K)
    logits = torch.cat((positive, negative.masked_fill(~usable, -torch.inf)), dim=-1) / temperature
    per_query = F.cross_entropy(logits, torch.zeros_like(labels), reduction="none")
    return masked_mean(per_query, labels != IGNORE)


class MoCoLoss(nn.Module):
    """Momentum contrast (He et al., 2020, arXiv 1911.05722, eq. 1), negatives of the same class left out.

    query, key (B, D), labels (B), -1 for a sample to skip; value in [0, inf), 0 while the queue is empty.
    No gradient reaches the key. Queue, labels, pointer and count are buffers.
    `contrast` reads the queue, `enqueue` writes it; calling the module does both, or in eval mode only reads.
    Raises ValueError for queue_size or dim < 1, temperature <= 0, and shapes that do not match.
    """

    def __init__(self, dim: int, queue_size: int = 4096, temperature: float = 0.07):
        super().__init__()
        check_positive("dim", dim)
        self.queue_size = check_positive("queue_size", queue_size)
        self.temperature = check_positive("temperature", temperature)
        self.register_buffer("queue", torch.zeros(queue_size, dim))
        self.register_buffer("queue_labels", torch.full((queue_size,), IGNORE))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))  # the slot to write next
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, query: Tensor, key: Tensor, labels: Tensor) -> Tensor:
        loss = self.contrast(query, key, labels)
        if self.training:
            self.enqueue(key, labels)
        return loss

    def contrast(self, query: Tensor, key: Tensor, labels: Tensor) -> Tensor:
        # A copy: `enqueue` writes in place before backward, which needs the queue as it was.
        queue = self.queue.clone()
        return moco_loss(query, key, labels, queue, self.queue_labels, self.count, self.temperature)

    @torch.no_grad()
    def enqueue(self, key: Tensor, labels: Tensor) -> None:
        """Put the keys (B, D) in the place of the oldest; of more than queue_size only the newest stay."""
        key, labels = l2_normalize(key.float())[-self.queue_size:], labels[-self.queue_size:]
        slots = (self.pointer + torch.arange(len(key), device=key.device)) % self.queue_size
        self.queue.index_copy_(0, slots, key)
        self.queue_labels.index_copy_(0, slots, labels)
        self.pointer.copy_((self.pointer + len(key)) % self.queue_size)
        self.count.add_(len(key)).clamp_(max=self.queue_size)
