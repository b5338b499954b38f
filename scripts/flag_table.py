"""Every flag of main.py's commands, as Markdown, from the settings' own docstrings.

    python -m scripts.flag_table                        print the tables
    python -m scripts.flag_table --write docs/FLAGS.md  put them between the file's markers
"""

import argparse
import ast
import dataclasses
import inspect
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import tyro

from utils.config import (
    CONFIGS,
    BenchSettings,
    ClipDataConfig,
    ClipModelConfig,
    ClipPredictSettings,
    DataConfig,
    ExportSettings,
    FaceSettings,
    FacesSettings,
    ReviewPredictSettings,
    ServeSettings,
    TrainConfig,
    WindowSettings,
    flag,
)
from utils.errors import UserError
from utils.markers import insert

START, END = "<!-- flags -->", "<!-- /flags -->"
SHARED = {"Data: all tasks": DataConfig, "Loop: all tasks": TrainConfig,
          "Clips: data": ClipDataConfig, "Clips: model": ClipModelConfig}
COMMANDS = {"predict, clips": ClipPredictSettings, "predict, reviews": ReviewPredictSettings, "faces": FacesSettings,
            "serve": ServeSettings, "export": ExportSettings, "predict and serve: windows": WindowSettings,
            "faces, predict and serve: faces": FaceSettings, "bench": BenchSettings}
TITLES = {"video": "Video", "text": "Text", "simclr": "SimCLR"}
NAMES = {"loss": "objective", "train": "training"}  # of a Config's sections; others are called as they are


def flag_table() -> str:
    """One table per section: first what tasks share, then each task's own flags, then those of other commands."""
    tables = [_section(heading, section) for heading, section in SHARED.items()]
    tables += [_section(f"{TITLES[task]}: {NAMES.get(name, name)}", section)
               for task, config in CONFIGS.items() for name, section in config.sections().items()]
    tables += [_section(heading, section) for heading, section in COMMANDS.items()]
    return "\n\n".join(tables) + "\n"


def own_fields(section: type) -> list[dataclasses.Field]:
    """Without those that are just as its base has them."""
    common = {field.name: field.default for base in section.__bases__ if dataclasses.is_dataclass(base)
              for field in dataclasses.fields(base)}
    return [field for field in dataclasses.fields(section)
            if (field.name not in common or field.default != common[field.name]) and not _stands_apart(field)]


def _stands_apart(field: dataclasses.Field) -> bool:
    """A dataclass within, which has a table of its own, or what is given without a flag."""
    return dataclasses.is_dataclass(field.default_factory) or tyro.conf.Positional in getattr(
        field.type, "__metadata__", ())


def meanings(section: type) -> dict[str, str]:
    """The docstring under each field that stands in the section itself; Python itself does not keep them."""
    body = ast.parse(inspect.getsource(section)).body[0].body
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in zip(body, body[1:])
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _section(heading: str, section: type) -> str:
    meaning = meanings(section)
    rows = [(_flags(field), _default(field.default), meaning[field.name] + _choices(field.type))
            for field in own_fields(section)]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    head = [f"### {heading}", "", " ".join(inspect.getdoc(section).split()), ""]
    return "\n".join([*head, "| flag | default | meaning |", "|---|---|---|", *lines])


def _flags(field: dataclasses.Field) -> str:
    name = flag(field.name)
    return f"`{name}` `--no-{name[2:]}`" if field.type is bool else f"`{name}`"


def _default(value: Any) -> str:
    """As a recipe would say it; a dash where there is none."""
    if value is None or value in ("", ()):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _choices(kind: Any) -> str:
    names = get_args(kind) if get_origin(kind) is Literal else ()
    return f" ({', '.join(f'`{name}`' for name in names)})" if len(names) > 1 else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="FILE", help=f"replace what stands between {START} and {END}")
    path = parser.parse_args().write
    if path is None:
        print(flag_table(), end="")
        return
    try:
        path.write_text(insert(path.read_text(encoding="utf-8"), "flags", flag_table()), encoding="utf-8")
    except UserError as error:
        parser.error(f"{path}: {error}")


if __name__ == "__main__":
    main()
