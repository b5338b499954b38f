"""The web page's server: who can reach it, and how it ends."""

import signal
import socket
import sys
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from inference.predictor import Predictor, predictor_of
from inference.run import open_run
from inference.web.private import private_folder
from utils.config import ServeSettings, TextConfig
from utils.errors import UserError

HERE = "127.0.0.1"


def serve_page(folders: list[Path], settings: ServeSettings) -> None:
    """Serve these runs until Ctrl-C or SIGTERM.

    Raises:
        UserError: a run that cannot be read; no face detector; the port is taken.
    """
    predictors = [opened(folder, settings) for folder in folders]
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


def opened(folder: Path, settings: ServeSettings) -> Predictor:
    """A run with the settings that its task has; what it lacks is said now, and not to the first visitor."""
    run = open_run(folder)
    if isinstance(run.config, TextConfig):
        return predictor_of(run, settings.device)
    predictor = predictor_of(run, settings.device, windows=settings.windows, faces=settings.face)
    predictor.make_ready()
    return predictor


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]
