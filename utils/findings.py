"""What an audit of data, or the watch over training, has found: what, how often, for example where, and what to do."""

import dataclasses
import logging
import shutil
import textwrap
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utils.errors import UserError, first_line

log = logging.getLogger("camxuc")

LEVELS = ("error", "warning", "note")  # the worst first
NAMED = 3  # samples that an example names, at most


@dataclass(frozen=True)
class Finding:
    """An error makes results wrong or training vain, a warning may, a note only tells.

    `name` is what tests and scripts know it by; `count` is of what the text speaks of: clips, boxes, steps.
    """

    level: Literal["error", "warning", "note"]
    name: str
    text: str  # a sentence without its full stop
    remedy: str = ""  # what to do, in the imperative
    count: int = 1
    example: str = ""

    def __str__(self) -> str:
        example = f", e.g. {self.example}" if self.example else ""
        return f"{self.text}{example}" + (f"; {self.remedy}" if self.remedy else "") + f" [{self.name}]"

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


def of_some(names: Iterable[str]) -> dict:
    """The `count` and `example` of a Finding about these samples."""
    names = list(names)
    return {"count": len(names), "example": ", ".join(names[:NAMED])}


def surely(check: Callable[..., Iterable[Finding]], *given) -> list[Finding]:
    """What a check finds; one that fails is itself a finding, for it must not end a training.

    Raises:
        UserError: as the check does.
    """
    try:
        return list(check(*given))
    except UserError:
        raise
    except Exception as error:
        return [failed(check, error)]


def failed(check: Callable, error: Exception) -> Finding:
    """That a check has failed, and where."""
    log.debug("%s failed", check.__name__, exc_info=error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Finding("warning", "check-failed", f"{check.__name__} could not be made: {type(error).__name__}: "
                   f"{first_line(error)} ({Path(place.filename).name}:{place.lineno})",
                   "look at the data that it met; the other checks were made")


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (LEVELS.index(finding.level), finding.name))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == "error"]


def tell(findings: Iterable[Finding], where: str) -> None:
    """Into the log: a line each."""
    for finding in worst_first(findings):
        level = logging.INFO if finding.level == "note" else logging.WARNING
        log.log(level, "%s: %s: %s", where, finding.level, finding)


def table(findings: Iterable[Finding], width: int | None = None) -> str:
    """For a person: an entry each, the worst first, and a last line that counts them."""
    findings, width = worst_first(findings), width or min(shutil.get_terminal_size().columns, 120)
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<8} {finding.name}" + (f" ({finding.count})" if finding.count > 1 else ""))
        for head, text in (("", finding.text), ("e.g. ", finding.example), ("do: ", finding.remedy)):
            if text:
                lines += textwrap.wrap(head + text, width, initial_indent=" " * 9,
                                       subsequent_indent=" " * (9 + len(head)), break_long_words=False)
    counts = [sum(finding.level == level for finding in findings) for level in LEVELS]
    lines.append(", ".join(f"{count} {level}{'' if count == 1 else 's'}" for count, level in zip(counts, LEVELS)))
    return "\n".join(lines)
