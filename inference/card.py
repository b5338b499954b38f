"""The model card: what a run was trained on, what it scores beside baselines, and what it is not for."""

from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader

from inference.run import Run
from utils.config import TextConfig
from utils.report import page_of
from utils.report.frame import percent, spelt
from utils.results import read_metrics
from utils.tasks import build_task

TASKS = {"video": "video-classification", "text": "text-classification"}


def metrics_of(run: Run) -> dict[str, dict]:
    """The scores of the run's splits, test first; empty where it was not scored."""
    return dict(reversed(read_metrics(run.folder / "metrics.json").items()))


def headline(run: Run) -> dict[str, str]:
    """The scores that count, by their key in metrics.json."""
    return page_of(build_task(run.config, run.labels)).HEADLINE


def card_data(run: Run) -> ModelCardData:
    config, task = run.config, TASKS[run.config.model.model]
    results = [
        EvalResult(task_type=task, dataset_type=config.data.dataset, dataset_name=config.data.dataset,
                   dataset_split=split, metric_type=key, metric_name=name, metric_value=round(scores[key], 4))
        for split, scores in metrics_of(run).items() for key, name in headline(run).items()
        if scores.get(key) is not None]
    return ModelCardData(
        library_name="camxuc", pipeline_tag=task, license="other", license_name="see-below",
        language="vi" if isinstance(config, TextConfig) else None,
        tags=["pytorch_model_hub_mixin", "model_hub_mixin",
              *(("aspect-based-sentiment-analysis",) if isinstance(config, TextConfig) else
                ("emotion-recognition", "clip"))],
        model_name=config.recipe if results else None, eval_results=results or None)


def card_text(run: Run) -> str:
    config = run.config
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True)
    environment.filters["spelt"] = spelt
    reviews = isinstance(config, TextConfig)
    started = config.model.encoder if reviews else config.model.clip_model
    if started == "tiny" or (not reviews and config.model.clip_pretrained == "none"):
        started += ", with random weights"
    elif not reviews:
        started += f", weights `{Path(config.model.clip_pretrained).name}`"
    if not reviews and config.model.init_from:
        started += f", and from there by way of the run `{config.model.init_from.name}`"
    return environment.get_template("model_card.md.j2").render(
        config=config, labels=run.labels, metrics=metrics_of(run), headline=headline(run), reviews=reviews,
        row=lambda scores: " | ".join(percent(scores.get(key)) for key in headline(run)),
        counts=dict(zip(run.labels.classes, run.labels.counts)), started=started) + "\n"
