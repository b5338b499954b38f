"""What a process and its children hold, as Linux tells it."""

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

MIB = 2**20
SHARED = "/dev/shm/"


@dataclass
class Held:
    """Memory in MiB; the children's resident memory counts what they share as often as they are."""

    resident: float
    children_resident: float
    gpu: float
    shared: float
    shared_files: int
    open_files: int
    threads: int
    children: int

    @classmethod
    def now(cls) -> "Held":
        """By this process and all below it."""
        own, below = os.getpid(), descendants(os.getpid())
        everyone, shared = [own, *below], shared_memory([own, *below])
        return cls(resident_megabytes(own), sum(map(resident_megabytes, below)),
                   torch.cuda.memory_reserved() / MIB if torch.cuda.is_available() else 0.0,
                   sum(shared.values()) / MIB, len(shared), sum(map(open_files, everyone)), sum(map(threads, everyone)),
                   len(below))

    as_dict = asdict


def read(process: int | str, name: str) -> str:
    """A file of /proc; nothing of a process that has ended."""
    try:
        return Path("/proc", str(process), name).read_text(errors="replace")
    except OSError:
        return ""


def descendants(process: int) -> list[int]:
    """Its children, theirs, and so on."""
    tasks = Path("/proc", str(process), "task")
    children = [int(child) for task in (os.listdir(tasks) if tasks.exists() else ())
                for child in read(process, f"task/{task}/children").split()]
    return [below for child in children for below in (child, *descendants(child))]


def resident_megabytes(process: int | str = "self") -> float:
    pages = read(process, "statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") / MIB if pages else 0.0


def open_files(process: int) -> int:
    try:
        return len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        return 0


def threads(process: int) -> int:
    found = re.search(r"^Threads:\s+(\d+)", read(process, "status"), re.MULTILINE)
    return int(found[1]) if found else 0


def shared_memory(processes: list[int]) -> dict[str, int]:
    """Bytes of what the processes have mapped from /dev/shm, removed there or not, by inode, and of what lies there
    under the number of one of them."""
    found = {}
    for process in processes:
        for line in read(process, "maps").splitlines():
            span, _, _, _, inode, *path = line.split(maxsplit=5)
            if path and path[0].startswith(SHARED):
                start, end = (int(place, 16) for place in span.split("-"))
                found[inode] = max(found.get(inode, 0), end - start)
    for file in os.scandir(SHARED) if os.path.isdir(SHARED) else ():
        if set(re.findall(r"\d+", file.name)) & set(map(str, processes)):
            found[str(file.inode())] = file.stat().st_size
    return found
