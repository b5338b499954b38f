"""A run's best weights: model.safetensors, and what must be known to build the network around them."""

import json
from dataclasses import asdict, fields
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from utils.distributed import first, gathered
from utils.errors import UserError, first_line
from utils.structures import Labels
from utils.whole_file import whole_file

FILE = "model.safetensors"


def save_run_model(model: nn.Module, labels: Labels, run_dir: Path) -> Path:
    """Write the weights, with what they decide and what is needed to build the network around them. Where to.

    Of several processes all are to call it, and the first writes.
    """
    weights = gathered(model.state_dict())
    return first(lambda: _write(weights, model, labels, run_dir / FILE))


def _write(weights: dict[str, Tensor], model: nn.Module, labels: Labels, path: Path) -> Path:
    weights = {name: tensor.contiguous() for name, tensor in weights.items()}
    about = {"labels": asdict(labels), **model.about()}
    metadata = {"about": json.dumps(about)}  # one key: of several safetensors does not keep the order
    with whole_file(path, "wb") as file:
        file.write(save(weights, metadata=metadata))  # save_file would leave it unreadable to others
    return path


def read_about(run_dir: Path) -> dict:
    """What `save_run_model` wrote beside the weights: `labels`, and what the network says of itself.

    Raises:
        UserError: the run has no weights, or the file is damaged or not one of ours.
    """
    path = run_dir / FILE
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the folder of a finished run")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "null"))
    except (SafetensorError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not the weights of a run: {first_line(error)}") from None
    labels = about.get("labels") if isinstance(about, dict) else None
    known = {part.name for part in fields(Labels)}
    if not isinstance(labels, dict) or "classes" not in labels or not labels.keys() <= known or not all(
            isinstance(part, list) and all(type(one) in (str, int) for one in part) for part in labels.values()):
        raise UserError(f"{path}: not the weights of a run: does not say its classes")
    return about


def load_weights(model: nn.Module, run_dir: Path) -> None:
    """
    Raises:
        UserError: the weights do not fit the model.
    """
    try:
        model.load_state_dict(load_file(run_dir / FILE))
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{run_dir / FILE}: does not fit the run's config.yaml: {str(error)[:160]!r}") from None


def load_part(model: nn.Module, part: str, run_dir: Path) -> None:
    """Take one submodule's weights from another run, in which it has the same name.

    Raises:
        UserError: that run has no such part, or one of other settings.
    """
    try:
        weights = load_file(run_dir / FILE)
        of_part = {name.removeprefix(f"{part}."): value for name, value in weights.items()
                   if name.startswith(f"{part}.")}
        if not of_part:
            raise UserError(f"--init-from {run_dir}: that run has no encoder of clips")
        getattr(model, part).load_state_dict(of_part)
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).splitlines()[1:2] or [first_line(error)]).strip()
        raise UserError(f"--init-from {run_dir}: its encoder has other settings (--clip-model, --image-size, "
                        f"--streams, --temporal-layers, --adapter-ratio must be that run's): {reason[:160]}") from None
