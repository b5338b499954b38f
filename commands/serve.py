"""`main.py serve`: a web page for a run, on this machine alone."""

import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from inference.predictor import Predictor, predictor_of
from inference.run import open_run
from inference.web.private import private_folder
from utils.config import FaceSettings, TextConfig, WindowSettings
from utils.config.checks import require
from utils.errors import UserError
from utils.recipe import parse_flags

HERE = "127.0.0.1"


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


def serve(run: str, words: list[str]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        UserError: no such run; no face detector; the port is taken.
    """
    settings = parse_flags(ServeSettings, words, f"main.py serve {run}", "serve")
    predictors = [opened(folder, settings) for folder in (run, *settings.more)]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the folder goes then, too
    private_folder()  # before Gradio is imported, which would choose one for all users
    from inference.web.page import build_page, style, theme

    page = build_page(predictors, settings.max_minutes).queue(max_size=16, default_concurrency_limit=1)
    try:
        _, address, public = page.launch(
            server_name=HERE, server_port=settings.port or free_port(), share=settings.share, quiet=True,
            prevent_thread_lock=True, max_file_size=int(settings.max_megabytes * 1e6), allowed_paths=[],
            footer_links=[], app_kwargs=own_hosts_only(settings), theme=theme(), css=style(), enable_monitoring=False,
            ssr_mode=False, pwa=False)
    except OSError as error:
        raise UserError(f"--port {settings.port}: {error}") from None
    print(f"{address}  (this machine only; " + (f"and, shared with whoever has it, {public}" if settings.share else
                                                  "not shared") + "; Ctrl-C ends it)", flush=True)
    try:
        page.block_thread()
    finally:
        page.close()


def own_hosts_only(settings: ServeSettings) -> dict:
    """Other names for this machine are refused, by which a page of another site could reach this one."""
    hosts = ["*"] if settings.share else [HERE, "localhost"]
    return {"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=hosts)]}


def opened(folder: str, settings: ServeSettings) -> Predictor:
    """A run with the settings that its task has; what it lacks is said now, and not to the first visitor."""
    run = open_run(Path(folder))
    if isinstance(run.config, TextConfig):
        return predictor_of(run, settings.device)
    predictor = predictor_of(run, settings.device, windows=settings.windows, faces=settings.face)
    predictor.make_ready()
    return predictor


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]
