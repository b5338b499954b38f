"""Where a run's files go, and its log."""

import contextlib
import glob
import logging
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tqdm.contrib.logging import logging_redirect_tqdm

from utils import checkpoint
from utils.alone import is_taken
from utils.config import FREE_TO_CHANGE, Config
from utils.errors import UserError
from utils.whole_file import cannot_be_written, whole_file

log = logging.getLogger("camxuc")

RESULTS = ("metrics.json", "predictions.csv", "report.html")  # of a run's end, in the order in which they are written


def open_run(config: Config) -> Path:
    """The run folder: --output-dir, or runs/RECIPE with a number behind it where that is taken.

    Raises:
        UserError: --output-dir holds another run and --resume is not given, or it cannot be written.
    """
    try:
        folder = _choose_folder(config)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output-dir {config.train.output_dir or error.filename}: cannot be made: {error.strerror}"
                        ) from None
    return folder


def _choose_folder(config: Config) -> Path:
    resume, folder = config.train.resume, config.train.output_dir
    if folder is None and resume not in ("", "auto"):
        folder = Path(resume).resolve().parent  # RUN/checkpoints/last.pt
        if folder.name != "checkpoints":
            raise UserError(f"--resume {resume}: lies in no run's checkpoints; give --output-dir too, the folder to go "
                            "on in")
        return folder.parent
    if folder is not None:
        if (folder / "checkpoints").exists() and not resume:
            raise UserError(f"--output-dir {folder}: holds a run; give --resume auto to go on with it, or another "
                            "folder")
        return folder
    base = Path("runs") / config.recipe
    runs = _runs_of(base)
    newest = max(runs, default=0)
    if resume and runs:
        return runs[newest]
    return base.with_name(f"{base.name}-{newest + 1}") if runs else base


def _runs_of(base: Path) -> dict[int, Path]:
    """The folders of a recipe's runs by number; the first has none in its name. One of a failed start may be taken."""
    name = re.compile(rf"{re.escape(base.name)}(?:-([2-9]|[1-9]\d+))?")
    return {int(found[1] or 1): place for place in base.parent.glob(f"{glob.escape(base.name)}*")
            if (found := name.fullmatch(place.name)) and ((place / "checkpoints").exists() or is_taken(place))}


def run_to_resume(config: Config, run_dir: Path) -> dict | None:
    """The state that --resume asks for, if any.

    Raises:
        UserError: the checkpoint is missing or damaged, as is the one before it, comes from other settings, or is
            without the best weights so far.
    """
    resume = config.train.resume
    if not resume:
        return None
    ours = run_dir / "checkpoints"
    if resume == "auto" and not checkpoint.has_last(ours):
        log.info("--resume auto: no checkpoint in %s, starting anew", run_dir)
        return None
    path = ours / checkpoint.LAST if resume == "auto" else Path(resume)
    goes_on_here = path.parent.resolve() == ours.resolve()
    state = checkpoint.load_last(path.parent, goes_on_here) if path.name == checkpoint.LAST else checkpoint.load(path)
    if not isinstance(state.get("config"), dict):
        raise UserError(f"{path}: not the state of a training; --resume takes RUN/checkpoints/last.pt")
    then, now = state["config"], config.flat()
    changed = [f"{key} {_told(then.get(key))} -> {now[key]}" for key in now
               if key not in FREE_TO_CHANGE and then.get(key) != now[key]]
    if changed:
        raise UserError(f"{path}: made with other settings ({'; '.join(changed)}); resume with the run's own")
    best = path.with_name("best.pt")
    if not best.is_file() and _has_best(state):
        raise UserError(f"{best}: no such file; no later epoch may be better: put it beside {path.name}")
    if best.is_file() and not goes_on_here:
        with best.open("rb") as old, whole_file(ours / "best.pt", "wb") as new:
            shutil.copyfileobj(old, new)
    return state


def _has_best(state: dict) -> bool:
    """Whether an epoch has been the best so far; the state may be anybody's."""
    best = state.get("best")
    return isinstance(best, dict) and type(best.get("epoch")) is int and best["epoch"] > 0


def has_results(run_dir: Path) -> bool:
    """Whether a training has come to its end there, and was not killed while it wrote these files."""
    return all((run_dir / name).is_file() for name in RESULTS)


def begin_results(run_dir: Path) -> None:
    """Training goes on: what there is of an earlier end must not be taken for that of this one."""
    (run_dir / RESULTS[-1]).unlink(missing_ok=True)


class LogFile(logging.FileHandler):
    """A log that cannot be written to is an error.

    Raises:
        UserError: at once, and whenever something is logged.
    """

    def __init__(self, path: Path, mode: str):
        try:
            super().__init__(path, mode, encoding="utf-8")
        except OSError as error:
            raise UserError(cannot_be_written(path, error)) from None

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            raise UserError(cannot_be_written(Path(self.baseFilename), error)) from None
        super().handleError(record)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # of a line that could not be written, which has been told
            super().close()


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """While entered, errors alone are logged: what all would say the first of several processes says."""
    screen = logging.StreamHandler()
    screen.setLevel(logging.ERROR)
    log.handlers, log.propagate = [screen], False
    try:
        yield
    finally:
        log.handlers, log.propagate = [], True


def _told(value) -> str:
    """A setting; of another thing its kind, for its text may have no end: a list can hold another one twice, and so on.
    """
    parts = value if isinstance(value, list) else [value]
    plain = all(isinstance(part, (str, int, float, type(None))) for part in parts)
    return str(value) if plain else f"a {type(value).__name__}"


class RunLog:
    """While entered, the log goes to the screen, around the progress bar, and to run_dir/train.log.

    That of a start that failed before the first checkpoint is written over.
    """

    def __init__(self, run_dir: Path):
        mode = "a" if (run_dir / "checkpoints").exists() else "w"
        self.file = LogFile(run_dir / "train.log", mode)
        self.file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self.screen = logging.StreamHandler()
        self.screen.setFormatter(logging.Formatter("%(message)s"))
        self.around_bar = logging_redirect_tqdm([log])
        self.of_threads = threading.excepthook

    def __enter__(self) -> None:
        threading.excepthook = self._of_thread
        log.setLevel(logging.INFO)
        log.propagate = False
        log.handlers = [self.screen, self.file]
        self.around_bar.__enter__()

    def __exit__(self, *exception) -> None:
        self.around_bar.__exit__(*exception)
        log.handlers, log.propagate = [], True
        threading.excepthook = self.of_threads
        self.file.close()

    def _of_thread(self, error: threading.ExceptHookArgs) -> None:
        """TensorBoard's thread hands what it meets, such as a full disk, to the main one, which tells it; as does that
        which takes answers from loader processes, of which one may be gone."""
        if not issubclass(error.exc_type, (OSError, EOFError)):
            self.of_threads(error)
