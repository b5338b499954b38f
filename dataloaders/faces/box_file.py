"""A box file in the making: each clip's faces are kept as soon as they are found, so a broken-off search goes on."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from dataloaders.faces.clip_faces import ClipFaces
from utils.config import FaceSettings
from utils.errors import UserError
from utils.whole_file import whole_file


class BoxFile:
    """`path` will be the box file that training reads; beside it a file of JSON lines keeps what was found.

    Raises:
        UserError: the lines were made with other settings, or are none of ours; `path` is there without them, or would
            have the name of another file of the search.
    """

    def __init__(self, path: Path, settings: FaceSettings):
        if path.suffix != ".json":
            raise UserError(f"{path}: the name of a box file must end in .json; give such an --output")
        self.path, self.lines = path, path.with_suffix(".jsonl")
        self._settings = {name: str(value) for name, value in asdict(settings).items() if name != "detector_model"}
        self._head = json.dumps({"faces": self._settings}) + "\n"
        if self.lines.is_file():
            self._check_head()
            self._drop_broken_end()
        elif path.exists():
            raise UserError(f"{path}: there already, and not begun by `faces` ({self.lines.name} is not beside it); "
                            "give another --output")

    def _check_head(self) -> None:
        """Before anything is changed: the lines may be somebody's own."""
        with self.lines.open("rb") as file:
            first = file.readline(10_000)
        if self._head.encode().startswith(first):  # of a search that was killed while it wrote this line, a part
            return
        try:
            begun = json.loads(first)["faces"].items()
        except (ValueError, TypeError, LookupError, AttributeError):
            raise UserError(f"{self.lines}: not a file of `faces`; give another --output") from None
        if changed := [f"--{name.replace('_', '-')} {value}" for name, value in begun
                       if self._settings.get(name) != value]:
            raise UserError(f"{self.lines}: begun with other settings ({', '.join(changed)}); give these, or another "
                            "--output")

    def _drop_broken_end(self) -> None:
        """A last line without an end was being written when the search was killed."""
        with self.lines.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            place = size
            while place and (file.seek(place - 1), file.read(1))[1] != b"\n":
                place -= 1
            file.truncate(place)

    def __iter__(self) -> Iterator[ClipFaces]:
        """What has been found so far."""
        if not self.lines.is_file():
            return
        with self.lines.open(encoding="utf-8") as file:
            next(file, None)
            for number, line in enumerate(file, 2):
                try:
                    yield ClipFaces(**json.loads(line))
                except (ValueError, TypeError):
                    raise UserError(f"{self.lines}:{number}: damaged; delete this line, and its clip is searched "
                                    "again") from None

    def add(self, found: Iterator[ClipFaces]) -> None:
        """Keep each as it comes.

        Raises:
            UserError: the folder cannot be written to, or the disk is full.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.lines.open("a", encoding="utf-8") as file:
                if not file.tell():
                    file.write(self._head)
                for of_clip in found:
                    file.write(json.dumps(of_clip.as_dict(), ensure_ascii=False) + "\n")
                    file.flush()
        except OSError as error:
            raise UserError(f"{self.lines}: cannot be written: {error.strerror}") from None

    def write(self) -> None:
        """The box file: frames by clip. A clip without a face has none; one that cannot be read is left out."""
        with whole_file(self.path) as file:
            between = "{\n"
            for found in self:
                if not found.bad:
                    file.write(f"{between}{json.dumps(found.id, ensure_ascii=False)}: {json.dumps(found.boxes)}")
                    between = ",\n"
            file.write("\n}\n" if between != "{\n" else "{}\n")
