"""Imports run one way, on six floors.

main.py; its commands; benchmarks; inference; trainer.py, models, dataloaders; utils.
"""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("commands", "benchmarks", "inference", "models", "dataloaders", "utils")
IN_ROOMS = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
TOP = ("main", "trainer")
FILES = sorted([*(ROOT / f"{name}.py" for name in TOP), *IN_ROOMS])
OURS = {*TOP, "tests", "scripts", *ROOMS}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, ours as far as there is a file; or names in a table."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module_name(path).split(".")
            package = package if path.name == "__init__.py" else package[:-1]
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            below = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else base for name in below}
        elif isinstance(node, ast.Constant) and (named := re.fullmatch(r"(\w+(?:\.\w+)+)(:\w+)?", str(node.value))):
            found |= {named[1]} & set(MODULES)
    return found


def rooms(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)} & OURS


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_floors(path):
    room = module_name(path).split(".")[0]
    allowed = {"main": {"commands", "utils"}, "commands": {"trainer", *ROOMS}, "trainer": {"utils"},
               "inference": {"inference", "models", "dataloaders", "utils"},
               "benchmarks": {"benchmarks", "trainer", "models", "dataloaders", "utils"}}
    door = {"inference"} if module_name(path) == "models" else set()  # load_run's, which users know
    assert rooms(path) - door <= allowed.get(room, {room, "utils"})


def test_nothing_opens_the_door_upward_before_it_is_called():
    code = "import sys, models; sys.exit('inference' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("path", sorted((ROOT / "utils" / "losses").glob("*.py")), ids=module_name)
def test_the_loss_core_imports_torch_only(path):
    names = {name.split(".")[0] for name in imported(path) if not name.startswith("utils.losses")}
    assert names <= {"torch", *sys.stdlib_module_names}


def test_no_circles():
    graph = {name: imported(path) & set(MODULES) - {name} for name, path in MODULES.items()}
    graph["models"] -= {"inference"}  # load_run's door
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("utils.config") < order.index("trainer") < order.index("main")


def test_the_trainer_knows_no_kind_of_data():
    words = (ROOT / "trainer.py").read_text().lower()
    assert [word for word in ("face", "context", "text", "frame", "prompt") if word in words] == []


@pytest.mark.parametrize("word", ["face", "frame", "video", "text", "token", "aspect", "review", "sentiment", "mixup",
                                  "simclr", "views", "moco", "probe", "momentum"])
def test_the_trainer_knows_no_task(word):
    code = re.sub(r'""".*?"""|#.*', "", (ROOT / "trainer.py").read_text(), flags=re.DOTALL)
    assert not re.search(rf"(?<!con){word}", code)  # `context` managers are no text
