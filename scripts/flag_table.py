"""Every flag of `main.py train`, as Markdown, from the settings' own docstrings.

    python -m scripts.flag_table                    print the tables
    python -m scripts.flag_table --write README.md  put them between the file's markers
"""

import argparse
import ast
import dataclasses
import inspect
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from utils.config import flag
from utils.errors import UserError
from utils.recipe import SECTIONS

START, END = "<!-- flags -->", "<!-- /flags -->"


def flag_table() -> str:
    """One table per section of the Config, under the section's docstring."""
    return "\n\n".join(_section(section) for section in SECTIONS) + "\n"


def insert(text: str, table: str) -> str:
    """`text` with `table` between its markers.

    Raises:
        UserError: not exactly one pair of markers, in this order.
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise UserError(f"must hold {START} and, after it, {END}, once each")
    before, rest = text.split(START)
    return f"{before}{START}\n\n{table}\n{END}{rest.split(END)[1]}"


def meanings(section: type) -> dict[str, str]:
    """The docstring under each field; Python itself does not keep them."""
    body = ast.parse(inspect.getsource(section)).body[0].body
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in zip(body, body[1:])
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _section(section: type) -> str:
    heading, _, more = inspect.getdoc(section).partition(". ")
    meaning = meanings(section)
    rows = [(_flags(field), _default(field.default), meaning[field.name] + _choices(field.type))
            for field in dataclasses.fields(section)]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    head = [f"### {heading.rstrip('.')}", "", *([more, ""] if more else [])]
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
        path.write_text(insert(path.read_text(encoding="utf-8"), flag_table()), encoding="utf-8")
    except UserError as error:
        parser.error(f"{path}: {error}")


if __name__ == "__main__":
    main()
