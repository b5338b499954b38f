"""Where a run's files go, and its log."""

import logging
import shutil
from pathlib import Path

from tqdm.contrib.logging import logging_redirect_tqdm

from utils import checkpoint
from utils.config import FREE_TO_CHANGE, Config
from utils.errors import UserError

log = logging.getLogger("camxuc")


def open_run(config: Config) -> Path:
    """The run folder: --output-dir, or runs/RECIPE with a number behind it where that is taken.

    Raises:
        UserError: --output-dir holds another run and --resume is not given, or it cannot be written.
    """
    resume, folder = config.train.resume, config.train.output_dir
    if folder is None and resume not in ("", "auto"):
        folder = Path(resume).parent.parent  # RUN/checkpoints/last.pt
    if folder is None:
        base = Path("runs") / config.recipe
        folder = following = base
        number = 2
        while (following / "checkpoints").exists():  # a start that failed left nothing to keep
            folder, following, number = following, base.with_name(f"{base.name}-{number}"), number + 1
        folder = folder if resume else following  # `auto` goes on with the newest
    elif (folder / "checkpoints").exists() and not resume:
        raise UserError(f"--output-dir {folder}: holds a run; give --resume auto to go on with it, or another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output-dir {folder}: cannot be made: {error.strerror}") from None
    return folder


def run_to_resume(config: Config, run_dir: Path) -> dict | None:
    """The state that --resume asks for, if any.

    Raises:
        UserError: the checkpoint is missing or damaged, or comes from other settings.
    """
    resume = config.train.resume
    if not resume:
        return None
    path = run_dir / "checkpoints" / "last.pt" if resume == "auto" else Path(resume)
    if resume == "auto" and not path.is_file():
        log.info("--resume auto: no checkpoint in %s, starting anew", run_dir)
        return None
    state = checkpoint.load(path)
    if not isinstance(state.get("config"), dict):
        raise UserError(f"{path}: not the state of a training; --resume takes RUN/checkpoints/last.pt")
    then, now = state["config"], config.flat()
    changed = [f"{key} {_told(then.get(key))} -> {now[key]}" for key in now
               if key not in FREE_TO_CHANGE and then.get(key) != now[key]]
    if changed:
        raise UserError(f"{path}: made with other settings ({'; '.join(changed)}); resume with the run's own")
    best = path.with_name("best.pt")
    if best.is_file() and path.parent.resolve() != (run_dir / "checkpoints").resolve():
        (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(best, run_dir / "checkpoints" / "best.pt")  # no later epoch may be better
    return state


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
        self.file = logging.FileHandler(run_dir / "train.log", mode, encoding="utf-8")
        self.file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self.screen = logging.StreamHandler()
        self.screen.setFormatter(logging.Formatter("%(message)s"))
        self.around_bar = logging_redirect_tqdm([log])

    def __enter__(self) -> None:
        log.setLevel(logging.INFO)
        log.propagate = False
        log.handlers = [self.screen, self.file]
        self.around_bar.__enter__()

    def __exit__(self, *exception) -> None:
        self.around_bar.__exit__(*exception)
        log.handlers, log.propagate = [], True
        self.file.close()
