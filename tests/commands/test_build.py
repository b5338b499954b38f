import shutil

import pytest
import torch

from commands.build import build_trainer
from tests import small_reviews
from utils.errors import UserError


def losses(trainer) -> list[float]:
    trainer.fit()
    return [row["loss"] for row in trainer.history]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("c++"), reason="torch.compile needs a C++ compiler")
def test_a_compiled_training_is_the_same(configure, tmp_path):
    flags = "--ema 0.9 --epochs 2 --moco-k 16 --temporal-layers 1 "
    plain, compiled = (build_trainer(configure(flags + more), tmp_path / more) for more in ("", "--compile"))
    assert compiled.model.video.visual._compiled_call_impl is not None
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-4)
    for name, weight in plain.evaluated.state_dict().items():
        assert torch.allclose(compiled.evaluated.state_dict()[name].float(), weight.float(), atol=1e-4), name


def test_what_is_compiled(configure, tmp_path, monkeypatch):
    """Towers, in place: weights keep their names, and the averaged copy is not compiled."""
    monkeypatch.setattr(torch, "compile", lambda call, *_, **__: call)
    trainer = build_trainer(configure("--compile --ema 0.9"), tmp_path)
    names = [name for name, module in trainer.model.named_modules() if module._compiled_call_impl is not None]
    assert names == ["text_tower.text.transformer", "video.visual"]
    assert not any(module._compiled_call_impl for module in trainer.averaged.modules())
    plain = build_trainer(configure("--ema 0.9"), tmp_path)
    assert plain.model.state_dict().keys() == trainer.model.state_dict().keys()
    reader = build_trainer(small_reviews.configure(tmp_path, "--compile"), tmp_path).model
    assert [name for name, module in reader.named_modules() if module._compiled_call_impl is not None] == ["encoder"]


def test_without_a_compiler(configure, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"^--compile: no C\+\+ compiler here"):
        build_trainer(configure("--compile"), tmp_path)
