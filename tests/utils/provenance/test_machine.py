import platform
from importlib import metadata

import torch

from utils.config import TrainConfig
from utils.provenance import machine as of_machine
from utils.provenance.machine import machine, packages


def test_what_this_machine_is():
    found = machine(TrainConfig(device="cpu", use_amp=False))
    assert found["python"] == platform.python_version() and found["os"].startswith(platform.system())
    assert (found["device"], found["gpu"], found["driver"]) == ("cpu", None, None)
    assert found["threads"] == torch.get_num_threads() and found["precision"] == "float32"
    assert found["processors"] >= 1
    assert machine(TrainConfig(device="cpu", amp_dtype="bf16"))["precision"] == "bfloat16"


def test_files_of_the_system(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 9000 \nmodel name\t: other\n")
    monkeypatch.setattr(of_machine, "CPU", tmp_path / "cpuinfo")
    assert machine(TrainConfig(device="cpu"))["cpu"] == "Abacus 9000"
    monkeypatch.setattr(of_machine, "CPU", tmp_path)  # cannot be read
    assert machine(TrainConfig(device="cpu"))["cpu"] == (platform.processor() or None)
    line = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23\n"
    (tmp_path / "version").write_text(line)
    assert of_machine._first(tmp_path / "version", of_machine.VERSION) == "570.86.15"


def test_an_open_kernel_module_of_the_driver(tmp_path):
    line = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
    (tmp_path / "version").write_text(line)
    assert of_machine._first(tmp_path / "version", of_machine.VERSION) == "580.65.06"


def test_packages_are_the_project_s(tmp_path):
    found = packages()
    assert found["torch"] == metadata.version("torch") and found["opencv-python-headless"]
    assert None not in found.values() and "pytest" not in found
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["no-such-thing[x]>=1; python_version>\'3\'"]')
    assert packages(tmp_path / "pyproject.toml") == {"no-such-thing": None}
    assert packages(tmp_path / "none.toml") == {}
