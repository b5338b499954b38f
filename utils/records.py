"""What is shown and kept of each epoch while a training runs, by the first of several processes."""

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from utils.distributed import rank
from utils.results import EpochTable


class Records:
    """To be entered: a line on the screen for each epoch, and TensorBoard from epoch `start` on."""

    def __init__(self, run_dir: Path, start: int):
        self.table = EpochTable()
        self.board = SummaryWriter(run_dir / "tensorboard", purge_step=start) if rank() == 0 else None

    def __enter__(self) -> "Records":
        return self

    def add(self, row: dict) -> None:
        """An epoch's row of history.csv."""
        if self.board:
            for name, value in row.items():
                self.board.add_scalar(name, value, row["epoch"])
            self.board.flush()  # whatever ends the process
            self.table.show(row)

    def __exit__(self, *exception) -> None:
        if self.board:
            self.board.close()
