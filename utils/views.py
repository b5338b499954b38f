"""SimCLR's random views (Chen et al., 2020, arXiv 2002.05709, appendix A), of a whole batch at once.

torchvision's transforms draw once a call. Here every row, one view of one clip, has a draw of its own, which all
its frames share.
"""

import math
from dataclasses import astuple, dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from utils.config import SimclrDataConfig
from utils.distributed import own_rows
from utils.structures import Batch

ASPECT = 4 / 3  # of a crop, at most; at least the inverse
DISTORTED = 0.8  # probability of other colours
# Numbers worked on at a time. More than a CPU caches takes it several times as long; elsewhere memory is the bound.
CACHED, HELD = 2**20, 2**26
YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])  # of RGB
TO_GREY = np.tile(YIQ[0], (3, 1))


@dataclass(frozen=True)
class Draws:
    """What is done to each row, (N,) each. Factors of 1, a hue of 0 and a sigma of 0 change nothing."""

    left: np.ndarray  # of the crop, as shares of the frame's sides
    top: np.ndarray
    width: np.ndarray
    height: np.ndarray
    flip: np.ndarray  # bool
    brightness: np.ndarray  # factors
    contrast: np.ndarray
    saturation: np.ndarray
    hue: np.ndarray  # turns, from red towards green
    grey: np.ndarray  # bool
    sigma: np.ndarray  # of the blur, in pixels of the view


def draw_views(stream: np.random.Generator, count: int, settings: SimclrDataConfig, size: int) -> Draws:
    """13 numbers of the stream a row, whatever the settings.

    The aspect is log-uniform in [3/4, 4/3], or in what of it lets a large crop fit into the frame, so that the area
    is uniform all the same. Sigma is uniform in [0.1, 2] pixels; below 96 pixels its upper end shrinks with the side.
    """
    (area, aspect, left, top, flip, distorted, brightness, contrast, saturation, hue, grey, blurred,
     sigma) = stream.random((13, count))
    area = settings.crop_scale + (1 - settings.crop_scale) * area
    aspect = np.exp((2 * aspect - 1) * np.minimum(math.log(ASPECT), -np.log(area)))
    width, height = np.minimum(np.sqrt(area * aspect), 1), np.minimum(np.sqrt(area / aspect), 1)
    distorted = distorted < DISTORTED
    darkest, brightest = max(0, 1 - 0.8 * settings.colour), 1 + 0.8 * settings.colour

    def factor(uniform):
        return np.where(distorted, darkest + (brightest - darkest) * uniform, 1)

    return Draws(
        left=left * (1 - width),
        top=top * (1 - height),
        width=width,
        height=height,
        flip=flip < settings.flip,
        brightness=factor(brightness),
        contrast=factor(contrast),
        saturation=factor(saturation),
        hue=np.where(distorted, (2 * hue - 1) * 0.2 * settings.colour, 0),
        grey=grey < settings.grey,
        sigma=np.where(blurred < settings.blur, 0.1 + (max(0.1, 2 * min(1, size / 96)) - 0.1) * sigma, 0),
    )


def view_pairs(batch: Batch, settings: SimclrDataConfig, stream: np.random.Generator) -> Batch:
    """The batch with a view of each of its (B, 2) windows, (B, 2, T, 3, S, S) uint8; each stream has its own draws."""
    size, own = settings.image_size, own_rows(batch)

    def views(frames):
        draws = draw_views(stream, 2 * len(batch), settings, size)
        mine = Draws(*(of_all.reshape(-1, 2)[own].ravel() for of_all in astuple(draws)))
        return make_views(frames.flatten(0, 1), mine, size).unflatten(0, (-1, 2))

    return replace(batch, **{name: views(frames) for name in ("face", "context")
                             if (frames := getattr(batch, name)) is not None})


def make_views(frames: Tensor, draws: Draws, size: int) -> Tensor:
    """The views (N, T, 3, size, size) that the draws say, uint8.

    Crop, flip and resize are one bilinear sampling, without a filter before it; then come colours and blur.
    """
    # To float32 before they are moved: not every device has float64.
    crops, colours, greys, sigma = (torch.from_numpy(array).float().to(frames.device, non_blocking=True)
                                    for array in (_crops(draws), *_colours(draws), draws.sigma))
    views = frames.new_empty(*frames.shape[:3], size, size)
    held = CACHED if frames.device.type == "cpu" else HELD
    rows = max(1, held // max(math.prod(frames.shape[1:]), math.prod(views.shape[1:])))
    with torch.autocast(frames.device.type, enabled=False):
        for start in range(0, len(frames), rows):
            part = slice(start, start + rows)
            view = _recolour(_cut(frames[part], crops[part], size), colours[part], greys[part])
            # Found without asking the device, which would have to be waited for.
            blurred = torch.from_numpy(np.flatnonzero(draws.sigma[part])).to(frames.device, non_blocking=True)
            if len(blurred):
                view[blurred] = _blur(view[blurred], sigma[part][blurred])
            views[part] = view.round_()
    return views


def _crops(draws: Draws) -> np.ndarray:
    """Where a view starts, and how far it goes, in x and y: (N, 2, 2), as shares of the frame's sides."""
    left, width = np.where(draws.flip, (draws.left + draws.width, -draws.width), (draws.left, draws.width))
    return np.stack([left, width, draws.top, draws.height], axis=-1).reshape(-1, 2, 2)


def _colours(draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (N, 3, 3) of RGB, and weights (N, 3) of a view's mean RGB that make the grey which is added.

    Without clamps between them brightness, contrast, saturation and hue commute. The last two leave what is grey,
    so that contrast's mean grey needs no matrix. Hue turns I and Q of YIQ, and so keeps luma; red to green is
    clockwise there.
    """
    def each(values):
        return values[:, None, None]

    cos, sin, zero = np.cos(2 * np.pi * draws.hue), np.sin(2 * np.pi * draws.hue), np.zeros_like(draws.hue)
    turn = np.stack([zero + 1, zero, zero, zero, cos, sin, zero, -sin, cos], axis=-1).reshape(-1, 3, 3)
    hue = np.linalg.inv(YIQ) @ turn @ YIQ
    saturation = each(draws.saturation) * np.eye(3) + each(1 - draws.saturation) * TO_GREY
    colours = each(draws.brightness * draws.contrast) * hue @ saturation
    greys = np.outer(draws.brightness * (1 - draws.contrast), YIQ[0])
    return np.where(each(draws.grey), TO_GREY @ colours, colours), greys


def _cut(frames: Tensor, crops: Tensor, size: int) -> Tensor:
    """(n, T, 3, H, W) and (n, 2, 2) -> (n, T, 3, size, size) float32."""
    centres = (torch.arange(size, device=frames.device) + 0.5) / size
    places = 2 * (crops[..., :1] + crops[..., 1:] * centres) - 1  # (n, 2, size), the frame in [-1, 1]
    x, y = places.unbind(dim=1)
    # affine_grid would multiply matrices for every pixel, and takes longer than the sampling.
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)  # (n, size, size, 2)
    channels = frames.flatten(1, 2).float()  # (n, T * 3, H, W): one grid serves all frames
    view = F.grid_sample(channels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return view.unflatten(1, frames.shape[1:3])


def _recolour(view: Tensor, colours: Tensor, greys: Tensor) -> Tensor:
    """(n, T, 3, S, S), (n, 3, 3) and (n, 3) -> (n, T, 3, S, S), in 0..255."""
    grey = (greys * view.mean(dim=(1, 3, 4))).sum(dim=1)  # (n,), of all frames
    view = torch.einsum("nij,ntjyx->ntiyx", colours, view)
    return view.add_(grey.view(-1, 1, 1, 1, 1)).clamp_(0, 255)


def _blur(view: Tensor, sigma: Tensor) -> Tensor:
    """(n, T, 3, S, S) and (n,) -> (n, T, 3, S, S): a Gaussian of about a tenth of the side, at least 3 pixels wide."""
    radius = max(1, view.shape[-1] // 20)
    steps = torch.arange(-radius, radius + 1, device=view.device) / sigma[:, None]
    kernel = torch.softmax(-steps.square() / 2, dim=1)  # (n, K)
    channels = view.flatten(0, 2)  # (C, S, S), C = n * T * 3
    kernel = kernel.repeat_interleave(len(channels) // len(view), dim=0)
    channels = F.pad(channels, [radius] * 4, mode="reflect")
    channels = F.conv2d(channels, kernel[:, None, None, :], groups=len(channels))
    channels = F.conv2d(channels, kernel[:, None, :, None], groups=len(channels))
    return channels.view_as(view)
