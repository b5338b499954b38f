import mmap
import multiprocessing
import os
import threading
from pathlib import Path

from benchmarks.resources import MIB, Held, descendants, shared_memory
from tests.fresh import in_fresh_process


def below(pipe) -> None:
    """A process with a child of its own, which both wait."""
    child = multiprocessing.get_context("fork").Process(target=pipe.recv)
    child.start()
    pipe.send(child.pid)
    child.join()


def test_children_and_theirs():
    in_fresh_process(count_children)


def count_children() -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=below, args=(theirs,))
    before = Held.now()
    process.start()
    grandchild = ours.recv()
    assert set(descendants(os.getpid())) >= {process.pid, grandchild} and grandchild in descendants(process.pid)
    held = Held.now()
    ours.send(None)  # they end, also where what follows is found wrong
    # A thread each; numpy's library may have ended its own at the fork.
    assert (before.children, held.children) == (0, 2) and held.threads >= 3
    assert held.children_resident > before.children_resident + 1
    process.join()
    assert Held.now().children == 0
    assert descendants(process.pid) == []


def test_files_threads_and_memory(tmp_path):
    in_fresh_process(hold_files_a_thread_and_memory, tmp_path)


def hold_files_a_thread_and_memory(folder: Path) -> None:
    before, done = Held.now(), threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with open(folder / "one", "w"), open(folder / "two", "w"):
        block = mmap.mmap(-1, 64 * MIB)
        block.write(b"x" * (64 * MIB))
        held = Held.now()
    done.set()
    thread.join()
    block.close()
    assert (held.open_files - before.open_files, held.threads - before.threads) == (2, 1)
    assert 60 < held.resident - before.resident < 80


def test_shared_memory_of_a_process_removed_or_not():
    in_fresh_process(hold_shared_memory)


def hold_shared_memory() -> None:
    own = os.getpid()
    before, name = shared_memory([own]), f"/dev/shm/camxuc_{own}_test"
    with open(name, "w+b") as file:
        file.truncate(3 * mmap.PAGESIZE)
        assert sum(shared_memory([own]).values()) - sum(before.values()) == 3 * mmap.PAGESIZE
        with mmap.mmap(file.fileno(), 0) as block:
            os.unlink(name)
            block[0] = 1
            now = shared_memory([own])
    assert (len(now) - len(before), sum(now.values()) - sum(before.values())) == (1, 3 * mmap.PAGESIZE)
    assert shared_memory([own]) == before
