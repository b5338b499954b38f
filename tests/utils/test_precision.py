import pytest
import torch

from utils.config import VideoTrainConfig
from utils.errors import UserError
from utils.precision import choose_device, choose_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def chosen(device: torch.device, **settings) -> tuple:
    precision = choose_precision(VideoTrainConfig(**settings), device)
    return precision.dtype, precision.scaled


def test_off_is_float32():
    assert chosen(CUDA, use_amp=False) == chosen(CUDA, use_amp=False, amp_dtype="fp16") == (None, False)


def test_a_type_that_is_asked_for_is_taken_and_only_fp16_is_scaled():
    assert chosen(CPU, amp_dtype="bf16") == (torch.bfloat16, False)
    assert chosen(CPU, amp_dtype="fp16") == (torch.float16, True)


@pytest.mark.parametrize("native, expected", [(True, (torch.bfloat16, False)), (False, (torch.float16, True))])
def test_cuda_takes_bf16_where_it_is_no_emulation(monkeypatch, native, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
    assert chosen(CUDA) == expected


@pytest.mark.parametrize("native, expected", [(True, (torch.bfloat16, False)), (False, (None, False))])
def test_cpu_takes_bf16_where_it_has_it(monkeypatch, native, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert chosen(CPU) == expected
    assert chosen(torch.device("mps")) == (None, False)


def test_a_device_by_name():
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cuda:x", ""])
def test_a_device_that_is_not_there(name):
    with pytest.raises(UserError, match=f"--device {name}"):
        choose_device(name)


@pytest.mark.parametrize("cuda, mps, expected", [(1, 1, "cuda"), (0, 1, "mps"), (0, 0, "cpu")])
def test_auto_takes_the_first_there_is(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    assert choose_device("auto") == torch.device(expected)
