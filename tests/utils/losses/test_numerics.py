import ast
import sys
from pathlib import Path

import pytest
import torch

import utils.losses
from utils.losses.numerics import in_float32, l2_normalize, masked_mean

FILES = sorted(Path(utils.losses.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_loss_core_imports_only_torch_and_the_standard_library(path):
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level != 1:  # level 1: a neighbour in the same folder
            modules.add(node.module.split(".")[0] if node.level == 0 else "." * node.level)
    assert modules - sys.stdlib_module_names <= {"torch"}


def test_in_float32_raises_halves_and_stops_autocast():
    @in_float32
    def product(a, b, scale=None):
        return a @ b, scale

    square = torch.randn(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (square @ square).dtype == torch.bfloat16
        value, scale = product(square.half(), square.bfloat16(), scale=square.half())
    assert value.dtype == scale.dtype == torch.float32
    assert product(square.double(), square.double())[0].dtype == torch.float64


def test_l2_normalize_gives_length_one_and_leaves_a_dead_row_at_zero():
    features = torch.tensor([[3.0, 4.0], [0.0, 0.0], [6e-8, 0.0]], dtype=torch.float16, requires_grad=True)
    rows = in_float32(l2_normalize)(features)
    torch.testing.assert_close(rows, torch.tensor([[0.6, 0.8], [0.0, 0.0], [0.0, 0.0]]))
    rows.sum().backward()
    assert features.grad.isfinite().all() and (features.grad[1:] == 0).all()


def test_masked_mean_does_not_see_what_is_masked():
    values = torch.tensor([1.0, float("nan"), 5.0], requires_grad=True)
    mean = masked_mean(values, torch.tensor([True, False, True]))
    mean.backward()
    assert mean == 3 and values.grad.tolist() == [0.5, 0.0, 0.5]
