"""What an answer rests on, as a picture and as numbers."""

import json
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from inference.clips import Answer, Explanation
from inference.timeline import clock

FRAMES = 8  # side by side, at most
HEAT = matplotlib.colormaps["inferno"]


def overlaid(frame: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) uint8, grey, with heat (H, W) of 0 to 1 upon it."""
    grey = frame.mean(axis=-1, keepdims=True).repeat(3, axis=-1) / 255
    strength = np.clip(heat, 0, 1)[..., None] * 0.75
    return ((grey * (1 - strength) + HEAT(heat)[..., :3] * strength) * 255).astype(np.uint8)


def columns(found: Explanation, most: int) -> list[tuple[float, list[np.ndarray]]]:
    """Of `most` frames at even distances the share of attention, and each stream's picture, plain and under heat."""
    reasons, batch = found.reasons, found.answer.seen.batch
    streams = [(batch.face, reasons.face)] + ([] if reasons.context is None else [(batch.context, reasons.context)])
    count = len(reasons.frames)
    shown = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))
    pictures = {number: [(_picture(frames[0, number]), heat[number].numpy()) for frames, heat in streams]
                for number in shown}
    return [(float(reasons.frames[number]), [each for plain, heat in of for each in (plain, overlaid(plain, heat))])
            for number, of in pictures.items()]


def middle_face(answer: Answer) -> np.ndarray:
    """(H, W, 3), as the network sees it."""
    frames = answer.seen.batch.face[0]
    return _picture(frames[len(frames) // 2])


def draw(found: Explanation) -> Figure:
    """A column a frame: its share of the attention, and the face and the context with what speaks for the class."""
    shown, answer = columns(found, FRAMES), found.answer
    across, down = max(len(shown), 4), len(shown[0][1])
    figure = Figure(figsize=(1 + 1.15 * across, 1.1 + 1.15 * down), layout="constrained")
    rows = figure.subplots(1 + down, across, squeeze=False, height_ratios=[0.35, *[1] * down])
    for axes in rows.flat:
        axes.set_axis_off()
    largest = max(share for share, _ in shown)
    for column, (share, pictures) in enumerate(shown):
        bar = rows[0][column]
        bar.barh(0, share, color="#0072b2")
        bar.set_xlim(0, max(largest, 1e-6) * 1.02)
        bar.set_ylim(-1, 0.6)
        bar.text(0, 0.75, f"{share:.0%}", fontsize=8, va="bottom", color="#5b6670")
        for row, picture in enumerate(pictures, 1):
            rows[row][column].imshow(picture)
    titles = ["attention", "face", f"for {found.label}", "context", f"for {found.label}"]
    for (left, *_), title in zip(rows, titles):
        left.text(-0.06, 0.5, title, transform=left.transAxes, ha="right", va="center", fontsize=8.5, color="#1c2126",
                  parse_math=False)
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
