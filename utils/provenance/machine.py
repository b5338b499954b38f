"""What runs it: the machine, and the packages. Neither a name of a person nor one of the machine."""

import os
import platform
import re
import tomllib
from importlib import metadata
from pathlib import Path

import torch

from utils.config import TrainConfig
from utils.precision import choose_device, choose_precision
from utils.provenance.code import ROOT

DRIVER = Path("/proc/driver/nvidia/version")
CPU = Path("/proc/cpuinfo")
VERSION = r"Kernel Module.*?\s([\d.]+)\s"  # of NVIDIA's driver, closed or open


def machine(config: TrainConfig) -> dict:
    """What it is, and how it computes; None is what it does not tell."""
    device = choose_device(config.device)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    precision = choose_precision(config, device).dtype or torch.float32
    return {
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": _first(CPU, r"model name\s*:\s*(.+)") or platform.processor() or None,
        "processors": os.cpu_count(),
        "memory_gib": _memory(),
        "device": device.type,
        "gpu": gpu,
        "driver": _first(DRIVER, VERSION) if gpu else None,
        "cuda": torch.version.cuda if gpu else None,
        "threads": torch.get_num_threads(),
        "precision": str(precision).removeprefix("torch."),
    }


def packages(project: Path = ROOT / "pyproject.toml") -> dict[str, str | None]:
    """The installed version of each package that the project depends on; None where it is not installed."""
    try:
        needed = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    except (OSError, ValueError, KeyError):
        return {}
    return {name: _version(name) for name in (re.match(r"[\w.-]+", line)[0] for line in needed)}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _first(path: Path, pattern: str) -> str | None:
    try:
        found = re.search(pattern, path.read_text(errors="replace"))
    except OSError:
        return None
    return found[1].strip() if found else None


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):  # Windows, macOS
        return None
