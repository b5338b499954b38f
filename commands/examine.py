"""What can be known before anything is learned: an audit of data, prompts and settings, known answers, and trials.

`main.py check` makes it all and a contact sheet; `train` begins with the quick part.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from commands.build import build_trainer
from commands.trainer_answers import known_answers as answers_of_trainer
from dataloaders.audit import audit
from dataloaders.audit.contact_sheet import contact_sheet
from dataloaders.known_answers import known_answers as answers_of_dataloaders
from models.audit import audit_prompts, audit_weights
from models.known_answers import known_answers as answers_of_models
from trainer import Trainer
from utils.config import Config
from utils.errors import UserError
from utils.findings import Finding, errors, surely, worst_first
from utils.health.trials import SAMPLES, trials
from utils.known_answers import known_answers as answers_of_utils
from utils.plausibility import audit_settings
from utils.report.check import write_check_page


def examine(trainer: Trainer, full: bool = False) -> list[Finding]:
    """All findings about a training that has not begun, the worst first. Nothing of it is changed."""
    config, loaders = trainer.config, trainer.loaders
    return worst_first([
        *answers_of_utils(), *answers_of_dataloaders(), *answers_of_models(), *answers_of_trainer(),
        *surely(audit_settings, config, len(loaders["train"])),
        *surely(audit, config, loaders, trainer.task.labels, full),
        *surely(audit_prompts, config, trainer.model, trainer.task.labels),
        *surely(audit_weights, config, trainer.model),
        *trials(config, trainer.task, trainer.model, trainer.objective, loaders["train"].first(SAMPLES),
                trainer.device),
    ])


def stop_on_errors(findings: list[Finding], config: Config) -> None:
    """
    Raises:
        UserError: one of them is an error, and --force does not say to go on.
    """
    if (wrong := errors(findings)) and not config.train.force:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UserError(f"not begun: {wrong[0]}{more}. `check` shows all; --force trains on")


def examine_recipe(config: Config, page: Path, full: bool) -> list[Finding]:
    """All findings about a recipe; unless it cannot begin, they are written to `page` beside what the network sees."""
    with TemporaryDirectory() as folder:
        try:
            trainer = build_trainer(config, Path(folder))
        except UserError as error:
            return [Finding("error", "cannot-begin", str(error))]
        findings = examine(trainer, full)
        write_check_page(page, config.recipe, findings, contact_sheet(config, trainer.loaders, trainer.task.labels))
    return findings
