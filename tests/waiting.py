"""Finds where the host would wait for a device, on machines that have none."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# What brings a number or a size to the host. On a GPU each of them waits until everything before it is done.
WAITS = {"aten._local_scalar_dense", "aten.nonzero", "aten.masked_select", "aten.unique_dim", "aten._unique2",
         "aten.unique_consecutive", "aten.equal", "aten.bincount", "aten.repeat_interleave.Tensor", "aten.is_nonzero"}


class Waiting(TorchDispatchMode):
    """While entered, `places` gathers the operations on tensors for which the host would have to wait.

    Not found are `.cpu()`, `.tolist()` and `.numpy()`, which on a CPU are no operations.
    """

    def __init__(self):
        super().__init__()
        self.places: list[str] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = str(operation)
        masked = name.startswith(("aten.index.", "aten.index_put")) and any(
            isinstance(part, torch.Tensor) and part.dtype in (torch.bool, torch.uint8) for part in tree_leaves(args[1]))
        if masked or name in WAITS or name.rsplit(".", 1)[0] in WAITS:
            self.places.append(name)
        return operation(*args, **(kwargs or {}))
