"""README.md and README.vi.md say the same in two languages, and name nothing that is not there."""

import ast
import dataclasses
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from utils.config import CONFIGS, ClipPredictSettings, FaceSettings, ReviewPredictSettings, WindowSettings, flag

ROOT = Path(__file__).parent.parent
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.vi.md")}
ENGLISH, VIETNAMESE = TEXTS.values()
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"(!?)\[[^]]*]\(([^)]+)\)")
LETTERS = re.compile("[ạ-ỹăđĩũơư]", re.I)  # that no other language has in this number


def sections(text: str) -> list[tuple[str, str]]:
    """(# of the level, what stands up to the next heading); # in code is no heading."""
    parts = re.split(r"^(#+) ", CODE.sub(lambda code: code[0].replace("\n#", "\n #"), text), flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2]))


def blocks(section: str) -> list[str]:
    """The heading, paragraphs, single items of lists, tables, and code in one piece each."""
    code = iter(CODE.findall(section))
    pieces = re.split(r"\n\n+|\n(?=- )", CODE.sub("```", section).strip())
    return [f"```{next(code)}" if piece == "```" else piece for piece in pieces]


def kind(block: str) -> str:
    return next((mark for mark in ("```", "|", "- ", "![", "**") if block.startswith(mark)), "text")


def spans(text: str) -> Counter:
    return Counter(" ".join(span.split()) for span in SPAN.findall(CODE.sub("", text)))


def numbers(text: str) -> Counter:
    """Those outside of code and links; 3,589 is 3589."""
    bare = LINK.sub("", SPAN.sub("", CODE.sub("", text)))
    return Counter(re.sub(r",(?=\d{3}\b)", "", number) for number in re.findall(r"\d+(?:[.,]\d+)*[⁻⁰¹²³⁴-⁹]*", bare))


def tables(text: str) -> list[list[list[str]]]:
    """Rows of cells; a line within a code block is none."""
    found = re.findall(r"(?:^\|.*\n)+", CODE.sub("", text), flags=re.M)
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()] for table in found]


def uncommented(code: str) -> str:
    return re.sub(r" *# .*", "", code)


PAIRS = list(zip(sections(ENGLISH), sections(VIETNAMESE)))
by_section = pytest.mark.parametrize(
    "english, vietnamese", [(ours[1], theirs[1]) for ours, theirs in PAIRS],
    ids=[ours[1].splitlines()[0] for ours, _ in PAIRS])
in_both = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


def test_headings_have_the_same_levels_and_each_page_begins_with_a_link_to_the_other():
    assert [level for level, _ in sections(ENGLISH)] == [level for level, _ in sections(VIETNAMESE)]
    assert len(PAIRS) > 10
    assert ENGLISH.startswith("# CamXuc\n\n[Tiếng Việt](README.vi.md)\n\n")
    assert VIETNAMESE.startswith("# CamXuc\n\n[English](README.md)\n\n")


@by_section
def test_a_section_has_the_same_blocks_code_and_numbers(english, vietnamese):
    assert [kind(block) for block in blocks(english)] == [kind(block) for block in blocks(vietnamese)]
    assert [(language, uncommented(code)) for language, code in CODE.findall(english)] == [
        (language, uncommented(code)) for language, code in CODE.findall(vietnamese)]
    assert spans(english) == spans(vietnamese)
    assert numbers(english) == numbers(vietnamese)


@by_section
def test_a_section_has_the_same_links_and_images(english, vietnamese):
    ours, theirs = ([link for link in LINK.findall(text) if not link[1].startswith("README")]
                    for text in (english, vietnamese))
    assert ours == theirs


@by_section
def test_a_table_has_the_same_cells_apart_from_words(english, vietnamese):
    for ours, theirs in zip(tables(english), tables(vietnamese), strict=True):
        assert [len(row) for row in ours] == [len(row) for row in theirs] == [len(ours[0])] * len(ours)
        for our_row, their_row in zip(ours, theirs):
            for our, their in zip(our_row, their_row):
                assert (spans(our), numbers(our)) == (spans(their), numbers(their))


@by_section
def test_all_is_translated(english, vietnamese):
    assert not set(re.findall(r"# .*", "".join(code for _, code in CODE.findall(english)))) & set(
        re.findall(r"# .*", "".join(code for _, code in CODE.findall(vietnamese))))
    for block in blocks(vietnamese)[1:]:
        assert kind(block) == "```" or block == "[English](README.md)" or LETTERS.search(block), block
    assert not LETTERS.search(re.sub(r"\*Cảm xúc\*|\[Tiếng Việt]", "", english))


def test_vietnamese_letters_are_in_nfc():
    assert unicodedata.is_normalized("NFC", VIETNAMESE)


@in_both
def test_what_is_linked_exists(text):
    for _, target in LINK.findall(text):
        assert "://" in target or (ROOT / target).exists(), target


# ---------------------------------------------------------------- commands and flags

def of(*settings: type) -> set[str]:
    fields = [field for section in settings for field in dataclasses.fields(section)]
    return {flag(field.name) for field in fields} | {
        flag(f"no_{field.name}") for field in fields if field.type in (bool, "bool")}


def in_file(path: str) -> set[str]:
    """The fields of its Settings, and the flags that it names: importing a command takes seconds."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name.endswith("Settings"):
            found |= {flag(field.target.id) for field in node.body if isinstance(field, ast.AnnAssign)
                      and "tyro" not in ast.unparse(field.annotation)}
        elif isinstance(node, ast.Constant) and re.fullmatch("--[a-z-]+", str(node.value)):
            found.add(node.value)
    return found


def commands() -> set[str]:
    body = ast.parse((ROOT / "main.py").read_text(encoding="utf-8")).body
    return next(set(ast.literal_eval(ast.List(node.value.keys, ast.Load()))) for node in body
                if isinstance(node, ast.Assign) and node.targets[0].id == "COMMANDS")


TRAIN = of(*(section for config in CONFIGS.values() for section in config.sections().values()))
READING = of(WindowSettings, FaceSettings)
KNOWN = {
    "train": TRAIN,
    "eval": TRAIN | in_file("commands/evaluate.py"),
    "check": TRAIN | in_file("commands/check.py"),
    "faces": TRAIN | of(FaceSettings) | in_file("utils/config/faces.py"),
    "predict": READING | of(ClipPredictSettings, ReviewPredictSettings),
    "serve": READING | in_file("utils/config/serve.py"),
    "export": in_file("utils/config/export.py"),
    "ablate": in_file("commands/ablate.py"),
    "bench": in_file("utils/config/bench.py"),
} | {f"scripts.{path.stem}": TRAIN | in_file(f"scripts/{path.name}") for path in (ROOT / "scripts").glob("*.py")}
COMMAND = re.compile(r"python main\.py (\S+)|bash (train)\.sh|python -m (\S+)")


@in_both
def test_commands_are_those_of_main(text):
    assert set(re.findall(r"python main\.py (\S+)", text)) == commands() == {
        name for name in KNOWN if not name.startswith("scripts.")}


@in_both
def test_flags_are_those_of_the_command_that_they_stand_behind(text):
    pieces = [line.split(" # ")[0] for _, code in CODE.findall(text) for line in code.splitlines()] + list(spans(text))
    for piece in pieces:
        command = COMMAND.search(piece)
        name = next(filter(None, command.groups())) if command else None
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", re.sub(r"torchrun .*main\.py|uv pip .*", "", piece)))
        assert named <= (KNOWN[name] if name else set().union(*KNOWN.values())), piece
