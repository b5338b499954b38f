"""What an answer rests on, as a picture and as numbers."""

import json
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from inference.clips import Explanation
from inference.timeline import clock

FRAMES = 8  # side by side, at most
HEAT = matplotlib.colormaps["inferno"]


def overlaid(frame: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) uint8, grey, with heat (H, W) of 0 to 1 upon it."""
    grey = frame.mean(axis=-1, keepdims=True).repeat(3, axis=-1) / 255
    strength = np.clip(heat, 0, 1)[..., None] * 0.75
    return ((grey * (1 - strength) + HEAT(heat)[..., :3] * strength) * 255).astype(np.uint8)


def draw(found: Explanation) -> Figure:
    """A column a frame: its share of the attention, and the face and the context with what speaks for the class."""
    reasons, batch = found.reasons, found.answer.seen.batch
    streams = [("face", batch.face, reasons.face)]
    if reasons.context is not None:
        streams.append(("context", batch.context, reasons.context))
    count = len(reasons.frames)
    shown = np.unique(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int))
    figure = Figure(figsize=(1 + 1.15 * max(len(shown), 4), 1.7 + 2.3 * len(streams)), layout="constrained")
    rows = figure.subplots(1 + 2 * len(streams), max(len(shown), 4), squeeze=False,
                           height_ratios=[0.35, *[1] * 2 * len(streams)])
    for axes in rows.flat:
        axes.set_axis_off()
    for column, number in enumerate(shown):
        share = float(reasons.frames[number])
        bar = rows[0][column]
        bar.barh(0, share, color="#0072b2")
        bar.set_xlim(0, max(float(reasons.frames.max()), 1e-6) * 1.02)
        bar.set_ylim(-1, 0.6)
        bar.text(0, 0.75, f"{share:.0%}", fontsize=8, va="bottom", color="#5b6670")
        for row, (_, frames, heat) in enumerate(streams):
            frame = _picture(frames[0, number])
            rows[1 + 2 * row][column].imshow(frame)
            rows[2 + 2 * row][column].imshow(overlaid(frame, heat[number].numpy()))
    titles = ["attention", *(title for name, _, _ in streams for title in (name, f"for {found.label}"))]
    for (left, *_), title in zip(rows, titles):
        left.text(-0.06, 0.5, title, transform=left.transAxes, ha="right", va="center", fontsize=8.5, color="#1c2126",
                  parse_math=False)
    answer = found.answer
    figure.suptitle(f"{found.label} {answer.probabilities[found.label]:.2f}, {clock(answer.start)} to "
                    f"{clock(answer.end)}", fontsize=10, x=0.01, ha="left", parse_math=False)
    return figure


def save(found: Explanation, folder: Path, stem: str) -> list[Path]:
    """The picture, and the numbers behind it: shares of attention, and the heat of each frame in 7 x 7 places."""
    picture, numbers = folder / f"{stem}.why.png", folder / f"{stem}.why.json"
    draw(found).savefig(picture, dpi=130, facecolor="white")
    reasons = found.reasons
    heat = {"face": reasons.face} | ({} if reasons.context is None else {"context": reasons.context})
    numbers.write_text(json.dumps({
        "explained": found.label, "answer": found.answer.as_dict(),
        "attention": [round(share, 4) for share in reasons.frames.tolist()],
        "heat": {name: [_coarse(of_frame) for of_frame in maps] for name, maps in heat.items()},
    }, ensure_ascii=False, indent=1), encoding="utf-8")
    return [picture, numbers]


def _picture(frame: Tensor) -> np.ndarray:
    """(3, H, W) -> (H, W, 3)"""
    return frame.permute(1, 2, 0).cpu().numpy()


def _coarse(heat: Tensor) -> list[list[float]]:
    """(H, W) -> 7 x 7 means"""
    return [[round(value, 4) for value in row] for row in F.adaptive_avg_pool2d(heat[None], 7)[0].tolist()]
