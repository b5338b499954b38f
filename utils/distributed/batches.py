"""Batches of which each process loads some rows."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch

from utils.distributed.group import common, exchanged, world_size
from utils.errors import UserError
from utils.interrupt import Interrupt
from utils.structures import Batch

SPREAD = ("face", "context", "tokens", "mask")  # of a Batch: what each process holds its own rows of


@dataclass
class _Word:
    """What a process tells the others: its rows of a batch without the large tensors, or why there are none."""

    signal: int | None
    error: str | None
    batch: Batch | None
    shapes: dict[str, tuple[torch.Size, torch.dtype]]  # of a row of the large tensors


def whole(batches: Iterable[Batch], interrupt: Interrupt) -> Iterator[Batch]:
    """The batches, of which each process has its share, as all of them know them.

    Targets, ids, notes and bad clips are those of all rows; frames and tokens stay where they were loaded. A process
    without a row gets a blank one, so that it goes through the network as often as the others.

    Raises, in all processes alike:
        Interrupted: a signal has come to one of them.
        UserError: one of them cannot load.
    """
    if world_size() == 1:
        for batch in batches:
            interrupt.check()
            yield batch
        return
    own, said = iter(batches), None
    while True:
        try:
            batch = next(own, None)
        except UserError as error:
            batch, said = None, str(error)
        words = exchanged(_Word(interrupt.signal, said, *_told(batch)))
        for word in words:
            if word.error is not None:
                raise common(word.error)
        interrupt.agree([word.signal for word in words])
        interrupt.check()
        if batch is None:
            return
        yield _joined(batch, words)


def _told(batch: Batch | None) -> tuple[Batch | None, dict]:
    if batch is None:
        return None, {}
    held = {name: tensor for name in SPREAD if (tensor := getattr(batch, name)) is not None}
    shapes = {name: (tensor.shape[1:], tensor.dtype) for name, tensor in held.items()} if len(batch) else {}
    return replace(batch, **dict.fromkeys(held)), shapes


def _joined(own: Batch, words: list[_Word]) -> Batch:
    told = [word.batch for word in words]
    targets = [batch.targets for batch in told if len(batch)] or [own.targets]
    shapes = next((word.shapes for word in words if word.shapes), {})
    blank = {} if len(own) else {name: torch.ones(1, *shape, dtype=kind) for name, (shape, kind) in shapes.items()}
    return replace(
        own,
        targets=torch.cat(targets),
        ids=[name for batch in told for name in batch.ids],
        notes=sum((batch.notes for batch in told), Counter()),
        bad=[bad for batch in told for bad in batch.bad],
        shares=list(map(len, told)),
        **blank,
    )
