"""A recipe, YAML plus flags, becomes a Config. Flags win over the YAML, the YAML over the defaults."""

import contextlib
import dataclasses
import io
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import tyro
import yaml

from utils.config import CONFIGS, Config, flag
from utils.errors import UserError, nearest
from utils.whole_file import whole_file

log = logging.getLogger("camxuc")

T = TypeVar("T")

RECIPES = Path(__file__).parent.parent / "configs"
LONGEST = 2**16  # bytes of a YAML file


def load_config(recipe: str, flags: list[str] = ()) -> Config:
    """The Config of a recipe.

    Args:
        recipe: the name of a file in configs/, or the path of a YAML file.
        flags: command-line words, e.g. ["--epochs", "5"].
    Raises:
        UserError: no such recipe, an unknown key or flag (the nearest known one is named), a bad value, or
            one that does nothing beside the others.
    """
    path = find_recipe(recipe)
    settings = read_yaml(path)
    task = settings.get("model", "video")
    if str(task) not in CONFIGS:
        raise UserError(f"{path}: model: {task!r} must be one of {', '.join(CONFIGS)}")
    config = _parse(flags_of(settings, CONFIGS[task], path), CONFIGS[task](recipe=path.stem), where=str(path))
    if idle := config.unused().keys() & settings.keys():
        raise UserError(f"{path}: {_idle(idle, config)}")
    return _add_flags(list(flags), config, set(settings)).settled()


def _add_flags(flags: list[str], config: Config, in_file: set[str]) -> Config:
    """The Config with flags; a flag that does nothing is an error, a key put out of use by a flag is told."""
    changed = _parse(flags, config, where="command line")
    given = {word.lstrip("-").partition("=")[0].replace("-", "_") for word in flags if word.startswith("--")}
    given |= {name.removeprefix("no_") for name in given}
    if idle := changed.unused().keys() & given:
        raise UserError(f"command line: {_idle(idle, changed)}")
    newly = changed.unused().keys() - config.unused().keys() - config.SYNONYMS.keys()
    if idle := newly & in_file:
        log.warning("no longer used: %s", _idle(idle, changed))
    return changed


def _idle(keys: set[str], config: Config) -> str:
    return "; ".join(f"{key}: {config.unused()[key]}" for key in sorted(keys))


def config_of_run(folder: Path) -> Config:
    """The settings of a run, under the name of its recipe.

    Raises:
        UserError: no run in the folder.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise UserError(f"{folder}: no run; give the folder of a finished one, with its config.yaml")
    return replace(load_config(str(path)), recipe=recipe_of(path))


def save_config(config: Config, path: Path) -> None:
    """Write every setting, so that the file is itself a recipe."""
    settings = config.flat()
    with whole_file(path) as file:
        file.write(f"# recipe: {settings.pop('recipe')}\n" + yaml.safe_dump(settings, sort_keys=False))


def recipe_of(path: Path) -> str:
    """The name of the recipe whose settings `save_config` wrote."""
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# recipe:").strip()


def find_recipe(recipe: str) -> Path:
    path = Path(recipe)
    if path.suffix not in (".yaml", ".yml"):
        path = RECIPES / f"{recipe}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in RECIPES.glob("*.yaml"))
        raise UserError(f"recipe {recipe!r}: no such file; known recipes: {', '.join(known)}{nearest(recipe, known)}")
    return path


class _PlainLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would take the last, and aliases: nine lines of them can stand for
    a billion values."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"alias *{self.peek_event().anchor}: write out what it stands for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep) for key, _ in node.value]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise yaml.YAMLError(f"key {twice!r} stands there twice")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """
    Raises:
        UserError: unreadable or too long, not YAML, not a mapping, an alias, or a key that stands twice.
    """
    try:
        if (size := path.stat().st_size) > LONGEST:
            raise UserError(f"{path}: {size:,} bytes are no settings; {LONGEST:,} are read at most")
        settings = yaml.load(path.read_text(encoding="utf-8"), _PlainLoader) or {}
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise UserError(f"{path}: not a YAML file: nested too deeply") from None
    except (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Besides its own errors PyYAML lets through whatever its constructors meet: in `!!int ''` an IndexError.
        raise UserError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from None
    if not isinstance(settings, dict):
        raise UserError(f"{path}: must hold `key: value` lines, not a {type(settings).__name__}")
    return settings


def flags_of(settings: dict[str, Any], task: type[Config], where: str | Path) -> list[str]:
    """The settings of a YAML file, or of the part of one that `where` names, as the flags that would say the same.

    Raises:
        UserError: an unknown key (the nearest known one is named), a value that is none of a switch, or one that would
            itself be taken for a flag.
    """
    words, known = [], task.settings()
    for key, value in settings.items():
        name = task.SYNONYMS.get(key, key)
        if name not in known:
            raise UserError(f"{where}: unknown key {key!r}{nearest(str(key), known)}")
        if name != key and name in settings:
            raise UserError(f"{where}: {key} is another name of {name}; keep one of them")
        if isinstance(getattr(known[name], name), bool) and not isinstance(value, bool):
            raise UserError(f"{where}: {key}: {value!r} must be true or false")
        if isinstance(value, bool):
            words.append(flag(name) if value else "--no-" + flag(name)[2:])
            continue
        given = list(map(str, value if isinstance(value, list) else [value]))
        if wrong := next((word for word in given if word.startswith("--") or word == "-h" or "\0" in word), None):
            raise UserError(f"{where}: {key}: {wrong!r} cannot be a value")
        words += [flag(name), *given]
    return words


def _parse(words: list[str], default: Config, where: str) -> Config:
    config = parse_flags(type(default), words, f"main.py train {default.recipe}", where, default)
    return replace(config, recipe=default.recipe)


def parse_flags(settings: type[T], words: list[str], prog: str, where: str, default: T | None = None) -> T:
    """A dataclass of settings from command-line words; see parse_own_flags.

    Raises:
        UserError: an unknown flag (the nearest known one is named), or a bad value.
    """
    parsed, unknown = parse_own_flags(settings, words, prog, where, default)
    if unknown:
        raise UserError(f"{where}: unknown flag {unknown[0]}{nearest(unknown[0], _flags_of(settings))}")
    return parsed


def parse_own_flags(settings: type[T], words: list[str], prog: str, where: str,
                    default: T | None = None) -> tuple[T, list[str]]:
    """A dataclass of settings from command-line words, by tyro, and the words that are none of its flags.

    Args:
        prog: the command, for --help.
        where: what a message begins with; tyro's boxed error text is folded into one line.
    Raises:
        UserError: a bad value.
    """
    said, given = io.StringIO(), {} if default is None else {"default": default}
    try:
        if "--help" in words or "-h" in words:
            return tyro.cli(settings, prog=prog, args=words, **given), []
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return tyro.cli(settings, args=words, return_unknown_args=True, **given)
    except SystemExit:
        if not said.getvalue():
            raise  # --help has printed its text
        raise UserError(f"{where}: {_first_sentence(said.getvalue())}") from None


def _flags_of(settings: type) -> list[str]:
    """The flags of a dataclass, and of those within it."""
    found = []
    for part in dataclasses.fields(settings):
        inner = part.default_factory
        found += _flags_of(inner) if dataclasses.is_dataclass(inner) else [flag(part.name)]
    return found


def _first_sentence(box: str) -> str:
    """The message in tyro's box: what stands between its title's rule and the next rule or gap."""
    lines = [line.strip("│| \n") for line in box.splitlines()]
    start = next((i for i, line in enumerate(lines) if re.fullmatch(r"(╭.*╮)|[-─]{8,}", line)), -1) + 1
    end = next((i for i, line in enumerate(lines) if i > start and re.fullmatch(r"[-─]*", line)), len(lines))
    return " ".join(" ".join(lines[start:end]).split())
