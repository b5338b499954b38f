"""Image towers: small ones to train from scratch, registered with timm so that open_clip finds them; and timm's own."""

import timm
from timm.layers import ConvNormAct
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn
from torch.nn import functional as F

from utils.distributed import world_size

# timm wants to know these of every model.
default_cfgs = generate_default_cfgs({
    "face_cnn_s.untrained": dict(input_size=(3, 48, 48), first_conv="stem.0.conv", classifier="embed"),
    "face_cnn_m.untrained": dict(input_size=(3, 48, 48), first_conv="stem.0.conv", classifier="embed"),
})


class FaceCNN(nn.Module):
    """Pairs of 3x3 convolutions at strides 2, 4 and 8, then one linear layer over all places: a small VGG.

    A face crop is aligned, so a brow and a mouth have places of their own. A mean over places would
    throw that away: on the demo's faces it needs twice the epochs. A fine stem has a convolution at full resolution.
    """

    places = 6  # the last map's side at 48 pixels; maps of other sizes are averaged to it

    def __init__(self, widths: tuple[int, ...], features: int, dropout: float, fine_stem: bool):
        super().__init__()
        self.num_features = features
        channels = widths[0] // 2
        fine = [ConvNormAct(3, channels, 3)] if fine_stem else []
        self.stem = nn.Sequential(*fine, ConvNormAct(channels if fine else 3, channels, 3, stride=2))
        stages = []
        for index, width in enumerate(widths):
            pool = [nn.MaxPool2d(2)] if index else []
            stages.append(nn.Sequential(*pool, ConvNormAct(channels, width, 3), ConvNormAct(width, width, 3)))
            channels = width
        self.stages, self.dropout = nn.Sequential(*stages), nn.Dropout2d(dropout)
        self.embed = nn.Linear(channels * self.places**2, features, bias=False)
        # Centred features: cosines of untrained ones would all be near 1.
        self.norm = nn.BatchNorm1d(features)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, features)"""
        x = self.stages(self.stem(images))  # (B, C, H/8, W/8)
        if x.shape[-2:] != (self.places, self.places):
            x = F.adaptive_avg_pool2d(x, self.places)
        x = self.embed(self.dropout(x).flatten(1))
        # A last batch of one clip: one row has no variance. Where several processes share it, there are more.
        if self.training and len(x) == 1 and world_size() == 1:
            return F.batch_norm(x, self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias)
        return self.norm(x)


def _face_cnn(name: str, pretrained: bool, **options) -> FaceCNN:
    # The trunk has no classifier, no choice of pooling and three channels.
    return build_model_with_cfg(
        FaceCNN, name, pretrained, kwargs_filter=("num_classes", "global_pool", "in_chans"), **options)


@register_model
def face_cnn_s(pretrained: bool = False, **options) -> FaceCNN:
    """0.9 M parameters, for the demo."""
    return _face_cnn("face_cnn_s", pretrained, widths=(32, 64, 128), features=128, dropout=0.0, fine_stem=False,
                     **options)


@register_model
def face_cnn_m(pretrained: bool = False, **options) -> FaceCNN:
    """3.5 M parameters, for FER2013."""
    return _face_cnn("face_cnn_m", pretrained, widths=(80, 160, 320), features=256, dropout=0.2, fine_stem=True,
                     **options)


class TimmTower(nn.Module):
    """A backbone of timm, with its own pooling, and a linear layer to `width` features.

    Raises:
        RuntimeError: timm knows no such model, cannot make it, or has no weights for it.
    """

    def __init__(self, name: str, width: int, image_size: int, pretrained: bool):
        super().__init__()
        options = dict(pretrained=pretrained, num_classes=0)
        try:
            self.trunk = timm.create_model(name, img_size=image_size, **options)
        except TypeError:  # most convolutional ones take any size, and no such argument
            self.trunk = timm.create_model(name, **options)
        self.image_mean, self.image_std = self.trunk.pretrained_cfg["mean"], self.trunk.pretrained_cfg["std"]
        self.project = nn.Linear(self.trunk.num_features, width, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, width)"""
        return self.project(self.trunk(images))
