"""SimCLR and MoCo v2: an encoder of clips, and the head behind which two views of a clip are compared."""

import torch
from einops import rearrange
from torch import Tensor, nn

from models.chunks import in_chunks
from models.clip import has_quick_gelu
from models.momentum import MomentumEncoder
from models.video_encoder import VideoEncoder
from utils.averaging import frozen_copy
from utils.distributed import joined
from utils.structures import Batch, Output


def projection_head(width: int, hidden: int, out: int, layers: int) -> nn.Sequential:
    """(N, width) -> (N, out): `layers` linear layers, with batch norm and ReLU between them.

    Chen et al., 2020 (arXiv 2002.05709), section 2.1 and appendix B.9.
    """
    widths = [width] + [hidden] * (layers - 1)
    blocks = [(nn.Linear(fan_in, fan_out, bias=False), nn.BatchNorm1d(fan_out), nn.ReLU())
              for fan_in, fan_out in zip(widths, widths[1:])]
    head = nn.Sequential(*(layer for block in blocks for layer in block), nn.Linear(widths[-1], out))
    head.takes_all_rows = True  # of the batch, also where several processes share it
    return head


class SimCLR(MomentumEncoder, nn.Module):
    """The recogniser's encoder of clips, trained on pairs of views.

    In training a batch holds two views of each clip, (B, 2, T, 3, H, W), and the Output the projections of the
    first as `projection` and of the second as `key`, (B, P) each. In evaluation it holds clips as they are, and
    the Output their features.

    Args:
        clip: an open_clip model, of which the image tower is taken.
        settings: SimclrModelConfig.
        projection_width: P.
        momentum: of a key side that encodes the second views, as in MoCo v2 (Chen et al., 2020, arXiv
            2003.04297); None encodes both views by the one encoder, as in SimCLR.
    """

    def __init__(self, clip: nn.Module, settings, projection_width: int, two_streams: bool = True,
                 momentum: float | None = None):
        super().__init__()
        width = clip.text.text_projection.shape[1]  # CLIP's features of text and image are of one width
        self.quick_gelu, self.chunk_size, self.momentum = has_quick_gelu(clip), settings.chunk_size, momentum
        self.video = VideoEncoder(clip.visual, width, settings, two_streams)
        self.head = projection_head(width, settings.head_width, projection_width, settings.head_layers)
        self.key_side = None if momentum is None else frozen_copy(self.followed())

    def forward(self, batch: Batch) -> Output:
        if not self.training:
            return Output(embedding=joined(self.video(batch.face, batch.context), batch.shares))
        streams = [stream for stream in (batch.face, batch.context) if stream is not None]
        if self.key_side is not None:
            queries, keys = ([stream[:, view] for stream in streams] for view in (slice(1), slice(1, 2)))
            return Output(projection=self._project(self.video, self.head, queries, batch), key=self._keys(keys, batch))
        first, second = self._project(self.video, self.head, streams, batch).chunk(2)  # (B, P) each
        return Output(projection=first, key=second)

    def _project(self, video: nn.Module, head: nn.Module, streams: list[Tensor], batch: Batch) -> Tensor:
        """(B, V, T, 3, H, W) of each stream -> (V * B, P), first all first views"""
        views = streams[0].shape[1]
        rows = [rearrange(stream, "b v t c h w -> (v b) t c h w") for stream in streams]
        features = rearrange(in_chunks(video, rows, self.chunk_size), "(v b) d -> b v d", v=views)
        # The head sees all features at once: its batch norms, and the loss, then know nothing of chunks and processes.
        return _projected(head, rearrange(joined(features, batch.shares), "b v d -> (v b) d"))

    @torch.no_grad()
    def _keys(self, streams: list[Tensor], batch: Batch) -> Tensor:
        return self._project(*self.key_side, streams, batch)

    def class_features(self) -> dict[str, Tensor]:
        """There are no classes."""
        return {}

    def about(self) -> dict:
        """What is needed to build the network around saved weights, and they alone do not tell."""
        return {"quick_gelu": self.quick_gelu}

    def followed(self) -> nn.Module:
        """What the key side follows."""
        return nn.ModuleList([self.video, self.head])

    def towers(self) -> list[nn.Module]:
        """Where nearly all the time goes, of tensors alone."""
        return [self.video.visual]

    def parameter_groups(self) -> dict[str, list[tuple[str, nn.Parameter]]]:
        """All learn at one rate."""
        return {"": [(name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad]}


def _projected(head: nn.Sequential, features: Tensor) -> Tensor:
    """(N, width) -> (N, P). One row, as of MoCo's last batch, has no statistics: the running ones norm it."""
    return head.train(len(features) > 1)(features)
