"""A run as others can have it: weights, settings and a model card, on the Hugging Face hub or in a folder."""

import json
import re
import shutil
from dataclasses import fields, replace
from pathlib import Path, PureWindowsPath
from typing import Any

from huggingface_hub import ModelCard, PyTorchModelHubMixin, snapshot_download
from torch import nn

from inference.card import card_data, card_text
from inference.predictor import Predictor, predictor_of
from inference.run import Run, open_run
from models import save_run_model
from utils.config import Config, TextConfig
from utils.recipe import save_config

PRIVATE = ("root_dir", "output_dir", "unlabelled", "stream", "resume")  # of no use without the machine's files
NAMED = {"clip_pretrained": r"[\w-][\w.-]*", "encoder": r"[\w-][\w.-]*(/[\w.-]+)?"}  # or the path of what lies here
FILES = ["config.json", "config.yaml", "model.safetensors", "README.md", "tokenizer/*"]


class PublishedRun(nn.Module, PyTorchModelHubMixin, library_name="camxuc"):
    """A run with `save_pretrained`, `push_to_hub` and `from_pretrained`.

    The folder has the mixin's layout, and is itself a run folder for `predict`, `serve` and `load_run`. Weights are
    loaded whole or not at all, which the mixin would not insist on, and nothing is unpickled.
    """

    def __init__(self, run: Run):
        super().__init__()
        self.run, self.network = run, run.network
        self.eval()

    def forward(self, batch) -> Any:
        return self.network(batch)

    def predictor(self, device: str = "auto", **settings) -> Predictor:
        """Ready to predict; see `predictor_of`."""
        return predictor_of(self.run, device, **settings)

    def _save_pretrained(self, save_directory: Path) -> None:
        run, config = self.run, without_paths(self.run.config)
        save_run_model(self.network, run.labels, save_directory)
        save_config(config, save_directory / "config.yaml")
        told = {"library": "camxuc", "recipe": config.recipe, "model": config.model.model,
                "classes": run.labels.classes, "aspects": run.labels.aspects}
        (save_directory / "config.json").write_text(json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8")
        if isinstance(config, TextConfig):
            shutil.copytree(run.folder / "tokenizer", save_directory / "tokenizer", dirs_exist_ok=True)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, revision: str | None, cache_dir, force_download: bool,
                         local_files_only: bool, token, **settings) -> "PublishedRun":
        folder = Path(model_id)
        if not folder.is_dir():
            folder = Path(snapshot_download(model_id, revision=revision, cache_dir=cache_dir, token=token,
                                            force_download=force_download, local_files_only=local_files_only,
                                            allow_patterns=FILES))
        return cls(open_run(folder), **settings)

    def generate_model_card(self, *args, **kwargs) -> ModelCard:
        run = replace(self.run, config=without_paths(self.run.config))
        return ModelCard(f"---\n{card_data(run).to_yaml()}\n---\n\n{card_text(run)}")


def without_paths(config: Config) -> Config:
    """The settings without what tells of the machine's folders: of a file its name stays."""
    def told(name: str, value):
        if name in PRIVATE:
            return "" if name == "resume" else None
        named = name in NAMED and (not re.fullmatch(NAMED[name], value) or Path(value).exists())
        return type(value)(PureWindowsPath(value).name) if named or isinstance(value, Path) else value  # of any system

    parts = {section: getattr(config, section) for section in config.sections()}
    return replace(config, **{section: replace(part, **{of.name: told(of.name, getattr(part, of.name))
                                                        for of in fields(part)})
                              for section, part in parts.items()})
