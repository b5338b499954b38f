"""The watch over a training: whatever fails without a word is named at the end of the epoch in which it does."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from utils.distributed import common, first
from utils.errors import UserError, first_line
from utils.findings import Finding, errors, tell
from utils.health.answers import Answers
from utils.health.evaluation import InStep, Scores
from utils.health.features import ClassTexts, Embeddings
from utils.health.gradients import Gradients
from utils.health.idle import Idle
from utils.health.memory import Bins, Queue
from utils.health.modes import Modes
from utils.health.movement import Movement
from utils.health.rates import Rates
from utils.health.results import Results
from utils.health.samples import Samples
from utils.health.streamed_samples import StreamedSamples
from utils.health.targets import Phantom, Targets
from utils.health.watch import Step, Watch, Watched
from utils.prediction import Predictions
from utils.results import write_json
from utils.structures import Batch

__all__ = ["WATCHES", "Health", "Step", "Watch", "Watched"]

log = logging.getLogger("camxuc")

WATCHES: tuple[type[Watch], ...] = (Samples, StreamedSamples, Modes, Idle, Targets, Phantom, Queue, Bins,
                                    ClassTexts, Embeddings, Gradients, Movement, Rates, Answers, InStep, Scores,
                                    Results)
SAME = 0.01  # of a score, which may differ by a sample or two where the device does not repeat itself
LOOKS, EVERY = 3, 64  # the first steps of an epoch, and then one in so many, at which the slow hooks look


class Health:
    """All watches, called by the Trainer. `seconds` is the time that they have taken.

    A watch that fails is dropped, and a finding says so: it must not end a training.
    """

    def __init__(self, watched: Watched, run_dir: Path, watches: tuple[type[Watch], ...]):
        self.path, self.forced = run_dir / "health.json", watched.config.train.force
        self.found: list[dict] = []  # the epoch of each finding, and the finding
        self.failed: dict[str, str] = {}  # watches that were dropped since the last epoch, and why
        self.seconds = 0.0
        self.watches: dict[str, Watch] = {}
        for kind in watches:
            self._guarded(kind.__name__, lambda kind=kind: self.watches.update({kind.__name__: kind(watched)}))

    def loaded(self, batch: Batch) -> None:
        self._call("loaded", batch)

    def before(self, number: int, steps: int) -> None:
        self.looking = number < LOOKS or number % EVERY == 0
        self._call("before", number, steps, self.looking)

    def forward(self, *parts) -> None:
        self._call("forward", Step(*parts))

    def gradients(self, norm: Tensor) -> None:
        self._call("gradients", norm)

    def after(self) -> None:
        self._call("after")

    def evaluated(self, split: str, predictions: Predictions) -> None:
        self._call("evaluated", split, predictions)

    def _call(self, hook: str, *values) -> list[Finding]:
        started = time.perf_counter()
        findings = [finding for name, watch in list(self.watches.items())
                    for finding in self._guarded(name, lambda of=watch: getattr(of, hook)(*values))]
        self.seconds += time.perf_counter() - started
        return findings

    def _guarded(self, name: str, call: Callable) -> list[Finding]:
        try:
            return list(call() or ())
        except UserError:
            raise
        except Exception as error:
            log.debug("the watch %s failed", name, exc_info=True)
            self.watches.pop(name, None)
            self.failed[name] = f"{type(error).__name__}: {first_line(error)}"
            return []

    def close(self, epoch: int, row: dict) -> list[Finding]:
        """What the epoch has shown; its figures are added to the row."""
        return self._keep(self._call("close", epoch, row), epoch, f"epoch {epoch}")

    def _keep(self, findings: list[Finding], epoch: int, where: str) -> list[Finding]:
        """What the first of several processes has found, which is then so for all."""
        findings = findings + [
            Finding("warning", "watch-failed", f"the watch {name} has failed and says nothing from here on: {why}",
                    "training is as it would be without it; report this", example=name)
            for name, why in self.failed.items()]
        self.failed, findings = {}, first(lambda: findings)
        self.found += [{"epoch": epoch, **finding.as_dict()} for finding in findings]
        first(lambda: write_json(self.found, self.path))
        tell(findings, where)
        return findings

    def conclude(self, best: dict, score: float, predictions: dict[str, Predictions], weights: Path) -> None:
        """The weights that are kept have been loaded, evaluated on each split, and saved.

        Args:
            best: their epoch, and what they scored on validation in it.
            score: what they have scored on it now.
        Raises:
            UserError: as `stop_on_errors`.
        """
        findings = self._call("concluded", predictions, weights)
        if abs(score - best["score"]) > SAME:
            findings.append(Finding("error", "not-the-best-weights", f"the weights that were kept score {score:.4f} on "
                                    f"validation, and {best['score']:.4f} when they were, in epoch {best['epoch']}",
                                    "see what is saved as the best, and what is loaded"))
        self._keep(findings, best["epoch"], "at the end")
        self.stop_on_errors(findings)

    def stop_on_errors(self, findings: list[Finding]) -> None:
        """
        Raises:
            UserError: one of them is an error, and --force does not say to go on.
        """
        if (wrong := errors(findings)) and not self.forced:
            raise common(f"stopped: {wrong[0]}. The log has the rest; --force goes on all the same")

    def state_dict(self) -> dict:
        seen = {name: dict(watch.seen) for name, watch in self.watches.items()}
        return {"found": list(self.found), "failed": dict(self.failed), "seen": seen}

    def load_state_dict(self, state: dict) -> None:
        self.found, self.failed = list(state["found"]), dict(state["failed"])
        # One that has been dropped, or was not there, does not know how the epoch began.
        self.watches = {name: watch for name, watch in self.watches.items() if name in state["seen"]}
        for name, watch in self.watches.items():
            watch.seen = dict(state["seen"][name])
