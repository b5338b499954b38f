"""Settings of `main.py serve`."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from utils.config.checks import require
from utils.config.faces import FaceSettings
from utils.config.predict import WindowSettings


@dataclass(frozen=True)
class ServeSettings:
    """Opens a web page for runs on clips and on reviews, on this machine alone."""

    more: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")] = ()
    """Further runs, each with a tab of its own."""
    port: int = 7860
    """Port on 127.0.0.1; 0 takes a free one."""
    share: bool = False
    """Also open a public address through Gradio's servers, for 72 hours: anybody who has it can use the page."""
    max_megabytes: float = 200.0
    """Largest file that can be uploaded."""
    max_minutes: float = 10.0
    """Longest video that is read."""
    device: str = "auto"
    """Device: cuda, mps or cpu; `auto` takes the first there is."""
    windows: tyro.conf.OmitArgPrefixes[WindowSettings] = field(default_factory=WindowSettings)
    face: tyro.conf.OmitArgPrefixes[FaceSettings] = field(default_factory=FaceSettings)

    def __post_init__(self):
        require(0 <= self.port < 2**16, f"--port {self.port}: must be from 0 to 65535")
        for name in ("max_megabytes", "max_minutes"):
            require(getattr(self, name) > 0, f"--{name.replace('_', '-')} {getattr(self, name)}: must be positive")
