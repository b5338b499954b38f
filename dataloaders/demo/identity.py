"""Who is drawn: the parts of a face that stay the same whatever it expresses."""

from dataclasses import dataclass

import numpy as np

from dataloaders.demo.canvas import Colour, mix, rgb

_SKIN = tuple(
    map(
        rgb,
        ("#f6d9c4", "#f2cbac", "#e9b992", "#e2ab80", "#cf9466", "#b67a4e", "#96603b", "#75482c", "#573522"),
    )
)
_HAIR = tuple(
    map(
        rgb,
        ("#17130f", "#2b1d14", "#4a2f1c", "#70482a", "#a06a35", "#d2a85c", "#8f3b1c", "#9b9794", "#c4bfb6"),
    )
)
_IRIS = tuple(map(rgb, ("#3b2412", "#5a3818", "#6e5a2a", "#4d6b3a", "#3f6f93", "#66788a")))
HAIR_STYLES = ("bald", "buzz", "short", "parted", "fringe", "spiky", "curly", "bun", "bob", "long")
BEARDS = ("none", "moustache", "goatee", "full")


@dataclass(frozen=True)
class Identity:
    """Sizes are factors around 1 or, for `width`, half face heights."""

    width: float
    jaw: float  # 2 oval .. 3.4 square
    skin: Colour
    hair_style: str
    hair: Colour
    iris: Colour
    eye_size: float
    eye_spacing: float
    eye_tilt: float
    brow_width: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float
    lip_tint: float  # 0 as the skin .. 1 red
    beard: str
    glasses: bool
    ear_size: float

    @property
    def shade(self) -> Colour:
        return mix(self.skin, (70.0, 20.0, 25.0), 0.24)

    @property
    def crease(self) -> Colour:
        return mix(self.skin, (50.0, 14.0, 16.0), 0.5)


def draw_identity(rng: np.random.Generator) -> Identity:
    """A random person."""
    tone = rng.uniform(0, len(_SKIN) - 1)
    skin = mix(_SKIN[int(tone)], _SKIN[min(int(tone) + 1, len(_SKIN) - 1)], tone % 1.0)
    dark_skin = tone > 0.55 * len(_SKIN)
    hair = _HAIR[rng.choice(3)] if dark_skin and rng.random() < 0.85 else _HAIR[rng.choice(len(_HAIR))]
    style = HAIR_STYLES[rng.choice(len(HAIR_STYLES))]
    may_have_beard = style not in ("bun", "bob", "long")
    return Identity(
        width=rng.uniform(0.74, 0.9),
        jaw=rng.uniform(2.0, 3.2),
        skin=tuple(float(np.clip(c + rng.normal(0, 3), 0, 255)) for c in skin),
        hair_style=style,
        hair=hair,
        iris=_IRIS[rng.choice(2 if dark_skin else len(_IRIS))],
        eye_size=rng.uniform(0.92, 1.2),
        eye_spacing=rng.uniform(0.92, 1.1),
        eye_tilt=rng.uniform(-0.02, 0.03),
        brow_width=rng.uniform(0.75, 1.35),
        nose_width=rng.uniform(0.8, 1.3),
        nose_length=rng.uniform(0.85, 1.15),
        mouth_width=rng.uniform(0.88, 1.12),
        lip_fullness=rng.uniform(0.6, 1.35),
        lip_tint=rng.uniform(0.1, 0.4) if may_have_beard else rng.uniform(0.3, 0.9),
        beard=BEARDS[rng.choice(len(BEARDS), p=(0.6, 0.12, 0.13, 0.15))] if may_have_beard else "none",
        glasses=bool(rng.random() < 0.25),
        ear_size=rng.uniform(0.85, 1.15),
    )
