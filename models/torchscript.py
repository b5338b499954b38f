"""The tensors of a TorchScript archive, as OpenAI's are, read without running it: torch.jit.load runs its program."""

import io
import pickle
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from utils.unpickling import check_stored

DTYPES = {"FloatStorage": torch.float32, "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
          "DoubleStorage": torch.float64, "LongStorage": torch.int64, "IntStorage": torch.int32,
          "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool}


def is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(Path(name).name == "constants.pkl" for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Its parameters and buffers by name.

    Raises:
        Exception: of many kinds, where it is damaged, or pickled with more than modules of tensors and plain values.
    """
    with zipfile.ZipFile(path) as archive:
        reader = _Reader(archive, path)
        found, left, seen = {}, [("", reader.load())], set()
        while left:
            prefix, part = left.pop()
            if id(part) not in seen and type(part) is reader.part:
                seen.add(id(part))
                for name, value in vars(part).items():
                    left.append((f"{prefix}{name}.", value))
                    if isinstance(value, Tensor):
                        found[f"{prefix}{name}"] = value
    return found


class _Reader(pickle.Unpickler):
    """Knows modules, each a bag of its attributes, and tensors.

    What it hands to the pickle is its own and none of torch's: whatever is done to it concerns nobody else.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path):
        (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1)
        self.archive, self.folder = archive, name.removesuffix(".pkl")
        # The others, its program and its constants, are not read, and may be compressed.
        check_stored([member for member in archive.infolist() if member.filename.startswith(
            (name, f"{self.folder}/"))], path)
        super().__init__(io.BytesIO(archive.read(name)))
        self.part = type("Part", (), {})
        self.storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str):
        if module == "__torch__" or module.startswith("__torch__."):
            return self.part
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *rest: _view(storage, size, stride, offset)
        if module == "torch.jit._pickle" and name.startswith("build_"):
            return lambda values: values
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, key: tuple) -> Tensor:
        _, dtype, name, _, _ = key
        if name not in self.storages:
            content = bytearray(self.archive.read(f"{self.folder}/{name}"))
            self.storages[name] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        return self.storages[name]


def _view(storage: Tensor, size: tuple, stride: tuple, offset: int) -> Tensor:
    tensor = storage.as_strided(size, stride, offset)
    if tensor.numel() > storage.numel():
        raise ValueError("a tensor claims more numbers than there are")
    return tensor
