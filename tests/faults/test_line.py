import pytest
import torch

from tests.faults.line import replace_line


def area(width: int, height: int) -> int:
    return width * height


class Base:
    def name(self) -> str:
        return "base"


class Derived(Base):
    def name(self) -> str:
        return super().name() + " and more"

    def area(self) -> int:
        return area(2, 3)

    @torch.no_grad()
    def grows(self) -> bool:
        return torch.is_grad_enabled()

    @property
    def size(self) -> int:
        return 3


def test_whoever_holds_the_function_runs_the_new_line():
    held = area
    with pytest.MonkeyPatch.context() as patch:
        replace_line(area, "width * height", "width + height", patch)
        assert held(3, 4) == 7
    assert held(3, 4) == 12


def test_methods_decorated_ones_properties_and_those_that_call_super(monkeypatch):
    replace_line(Derived.grows, "torch.is_grad_enabled()", "not torch.is_grad_enabled()", monkeypatch)
    replace_line(Derived.size, "3", "4", monkeypatch)
    replace_line(Derived.area, "2", "4", monkeypatch)
    replace_line(Derived.name, '" and more"', '" and less"', monkeypatch)
    assert (Derived().grows(), Derived().size, Derived().area(), Derived().name()) == (True, 4, 12, "base and less")


def test_the_line_must_be_there_once(monkeypatch):
    with pytest.raises(AssertionError, match="'depth' stands 0 times in area"):
        replace_line(area, "depth", "width", monkeypatch)
