"""The video recogniser: features of clips against learned prompts."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.chunks import in_chunks
from models.clip import has_quick_gelu
from models.momentum import MomentumEncoder
from models.prompts import PromptLearner, mean_per_class
from models.text_tower import TextTower
from models.video_encoder import VideoEncoder
from utils.averaging import frozen_copy
from utils.distributed import joined
from utils.structures import Batch, Output


class VideoRecogniser(MomentumEncoder, nn.Module):
    """Cosine of a video feature and one text feature per class, over a temperature.

    Args:
        clip: an open_clip model with `.visual` and `.text`.
        texts: C lists of K texts.
        settings: VideoModelConfig.
        two_streams: face and context, or the face alone.
        momentum: of the key side, and `keys` what it encodes: "text", "video" or "none".
        trainable_image: whether the image tower learns; if not, its batch statistics stand still too.
    """

    def __init__(self, clip: nn.Module, texts: list[list[str]], settings, two_streams: bool = True,
                 keys: str = "none", momentum: float = 0.999, trainable_image: bool = True):
        super().__init__()
        self.temperature, self.keys, self.momentum = settings.temperature, keys, momentum
        self.trainable_image, self.mirror, self.chunk_size = trainable_image, settings.mirror, settings.chunk_size
        self.quick_gelu = has_quick_gelu(clip)
        self.text_tower = TextTower(clip.text)
        self.prompts = PromptLearner(
            self.text_tower, texts, settings.contexts_number, settings.class_token_position,
            settings.class_specific_contexts, settings.contexts_init,
        )
        with torch.no_grad():
            flat = self.text_tower.encode([text for group in texts for text in group])
        self.register_buffer("handcrafted", mean_per_class(flat, len(texts[0])))  # (C, D)
        visual = clip.visual.requires_grad_(trainable_image)
        self.video = VideoEncoder(visual, self.handcrafted.shape[1], settings, two_streams)
        self.key_side = {"text": self.prompts, "video": self.video}.get(keys)
        self.key_side = frozen_copy(self.key_side) if self.key_side is not None else None

    def forward(self, batch: Batch) -> Output:
        video = joined(self.features(batch.face, batch.context), batch.shares)  # (B, D)
        text = self.prompts(self.text_tower)  # (C, D)
        return Output(
            logits=compare(video, text, self.temperature),  # (B, C)
            embedding=video,
            text_features=text,
            handcrafted=self.handcrafted,
            key=self._keys(batch) if self.training else None,
        )

    def features(self, face: Tensor, context: Tensor | None) -> Tensor:
        """(B, T, 3, H, W) twice -> (B, D), of unit length."""
        video = self._encode(self.video, face, context)
        if self.mirror and not self.training:
            video = F.normalize(video + self._encode(self.video, _mirror(face), _mirror(context)), dim=-1)
        return video

    def _encode(self, encoder: VideoEncoder, face: Tensor, context: Tensor | None) -> Tensor:
        return in_chunks(encoder, [face] if context is None else [face, context], self.chunk_size)

    def class_features(self) -> dict[str, Tensor]:
        """The text features of the classes, (C, D) each: from the learned and from the hand-crafted prompts."""
        return {"learned": self.prompts(self.text_tower), "handcrafted": self.handcrafted}

    def about(self) -> dict:
        """What is needed to build the network around saved weights, and they alone do not tell."""
        return {"quick_gelu": self.quick_gelu}

    @torch.no_grad()
    def _keys(self, batch: Batch) -> Tensor | None:
        """The key side's features: (C, D) of texts, or (B, D) of videos."""
        if self.keys == "text":
            return self.key_side(self.text_tower)
        if self.keys == "video":
            return joined(self._encode(self.key_side, batch.face, batch.context), batch.shares)
        return None

    def followed(self) -> nn.Module:
        """What the key side follows."""
        return self.prompts if self.keys == "text" else self.video

    def train(self, mode: bool = True) -> "VideoRecogniser":
        super().train(mode)
        self.text_tower.eval()
        if not self.trainable_image:
            self.video.visual.eval()
            if self.keys == "video":
                self.key_side.visual.eval()
        return self

    def towers(self) -> list[nn.Module]:
        """Where nearly all the time goes, of tensors alone."""
        return [self.video.visual, self.text_tower.text.transformer]

    def parameter_groups(self) -> dict[str, list[tuple[str, nn.Parameter]]]:
        """Trainable parameters by the name that their learning rate goes by."""
        groups = {"image_encoder": [], "prompt_learner": [], "adapter": [], "": []}
        places = {"video.visual.": "image_encoder", "prompts.": "prompt_learner", "video.adapter.": "adapter"}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                place = next((group for start, group in places.items() if name.startswith(start)), "")
                groups[place].append((name, parameter))
        return groups


def compare(video: Tensor, text: Tensor, temperature: float) -> Tensor:
    """Logits (B, C) of unit features (B, D) and (C, D)."""
    with torch.autocast(video.device.type, enabled=False):  # over a temperature of 0.01 bf16 is too coarse
        return video.float() @ text.float().T / temperature


def _mirror(frames: Tensor | None) -> Tensor | None:
    return None if frames is None else frames.flip(-1)
