"""A run on reviews that was never trained: made in a moment, and sure of nothing."""

from pathlib import Path

from dataloaders.tokenizer import train_tokenizer
from models import build_model, save_run_model
from tests.inference.runs import awake
from tests.small_reviews import ASPECTS, ROWS, configure
from utils.recipe import save_config
from utils.structures import Labels


def save_review_run(root: Path) -> Path:
    """A run folder as `predict` reads it; the tables that it names lie beside it."""
    folder, config = root / "run", configure(root)
    folder.mkdir()
    train_tokenizer([text for text, _ in ROWS], config.model.vocab_size).save_pretrained(folder / "tokenizer")
    labels = Labels(["Positive", "Negative", "Neutral"], ASPECTS)
    save_config(config, folder / "config.yaml")
    save_run_model(awake(build_model(config, labels)), labels, folder)
    return folder
