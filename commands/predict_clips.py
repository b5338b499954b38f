"""`main.py predict` with a run on clips."""

import glob
import json
import os
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from commands.output_files import make_folder, output_files
from dataloaders.clips import ClipError
from dataloaders.stream import Moment
from inference import why
from inference.clips import Answer, ClipPredictor, is_camera, worth
from inference.reading import Reading
from inference.run import Run
from utils.config import ClipPredictSettings
from utils.errors import UserError

DEEPEST = 6  # folders that tell inputs apart


def predict_clips(run: Run, settings: ClipPredictSettings) -> int:
    """Answers to each input, into --output-dir; 2 if one of them could not be read to its end, else 0."""
    sources = expanded(settings.input)
    folder = settings.output_dir or run.folder / "predictions"
    beside = [".png", *[".mp4"] * settings.video, *[".why.png", ".why.json"] * settings.explains]
    files = output_files([name for name in sources if not is_camera(name)], folder, stems_of(sources), ".jsonl",
                         beside)
    if settings.video and (cameras := [name for name in sources if is_camera(name)]):
        raise UserError(f"--video: camera {cameras[0]} cannot be read a second time; record it, and predict the file")
    predictor = ClipPredictor(run, settings.device, settings.classes or None, settings.windows, settings.face,
                              settings.onnx)
    say_what_is_done(predictor, zero_shot=bool(settings.classes))
    make_folder(folder)
    failed = False
    for name, path in zip(sources, files):
        try:
            print(Prediction(predictor, name, path, settings).run())
        except ClipError as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            failed = True
        except OSError as error:  # what is wrong with the input is a ClipError
            raise UserError(f"{error.filename or path}: cannot be written: {error.strerror}") from None
    return 2 if failed else 0


def expanded(inputs: tuple[str, ...]) -> list[str]:
    """The inputs, patterns replaced by what they match.

    Raises:
        UserError: a pattern that matches nothing.
    """
    found = []
    for name in inputs:
        pattern = glob.has_magic(name) and not Path(name).exists()
        matches = sorted(glob.glob(name, recursive=True)) if pattern else [name]
        if not matches:
            raise UserError(f"predict: {name}: matches no file")
        found += matches
    return found


def stem_of(name: str) -> str:
    """What an input's files are called."""
    path = Path(os.path.abspath(name))  # a dot is a folder, too
    return f"camera-{name}" if is_camera(name) else path.name.removesuffix(".jpg") if path.is_dir() else path.stem


def stems_of(names: list[str]) -> list[str]:
    """What the files of each input are called; of those with the same name, the folders that tell them apart too."""
    stems = list(map(stem_of, names))
    for depth in range(2, DEEPEST):
        alike = {stem for stem, count in Counter(stems).items() if count > 1}
        stems = ["-".join([*Path(os.path.abspath(name)).parts[1:][-depth:-1], stem_of(name)]) if stem in alike else stem
                 for name, stem in zip(names, stems)]
    return stems


def say_what_is_done(predictor: ClipPredictor, zero_shot: bool) -> None:
    if not predictor.finds_faces:
        why_not = ("--faces none" if predictor.windows.faces == "none" else
                   "the run was trained so; --faces find looks for faces")
        print(f"frames are cut at the centre: {why_not}", file=sys.stderr)
    if predictor.run.config.data.crop_body:
        print("the context is the whole frame: the run was trained on bodies, and these are not looked for",
              file=sys.stderr)
    if zero_shot:
        print(f"zero-shot: {', '.join(predictor.classes)} were never trained on; nothing tells how right the answers "
              "are", file=sys.stderr)


class Prediction:
    """One input on its way to its files.

    Args:
        path: of the JSON lines; the other files stand beside it.
    """

    def __init__(self, predictor: ClipPredictor, source: str, path: Path, settings: ClipPredictSettings):
        self.predictor, self.source, self.path, self.settings = predictor, source, path, settings
        self.video = path.with_suffix(".mp4") if settings.video else None
        self.reading = Reading(predictor, predictor.stream(source), self.video)
        self.best: Answer | None = None  # to be explained

    def run(self) -> str:
        """Write all files; a line that says what is in them.

        Raises:
            ClipError: the input cannot be read; what was read of it before stands in the files.
        """
        try:
            self._read()
        except KeyboardInterrupt:  # by which a camera is ended
            if not is_camera(self.source):
                raise
        finally:
            written = self._finish() if self.best else self.path.unlink(missing_ok=True)
        if not self.best:
            raise ClipError("stopped before the first answer")
        return self._summary() + "  -> " + ", ".join(map(str, written))

    def _read(self) -> None:
        settings, stream = self.settings, self.reading.stream

        def watch(moment: Moment) -> None:
            bar.total = stream.seconds and max(round(stream.seconds), 1)
            bar.update(int(moment.time) - bar.n)

        bar = tqdm(desc=Path(self.source).name, unit=" s of video", leave=False, dynamic_ncols=True)
        answers = self.reading.answers(watch, settings.seconds, settings.batch_size)
        with bar, closing(answers), self.path.open("w", encoding="utf-8") as file:
            for answer in answers:
                file.write(json.dumps(answer.as_dict(), ensure_ascii=False) + "\n")
                file.flush()
                if not self.best or worth(answer, settings.explain_at) > worth(self.best, settings.explain_at):
                    self.best = answer

    def _finish(self) -> list[Path]:
        """The pictures; all files."""
        picture = self.path.with_suffix(".png")
        self.reading.timeline.save(picture, Path(self.source).name)
        written = [self.path, picture, *filter(None, [self.video])]
        if self.settings.explains:
            written += why.save(self.predictor.explained(self.best), self.path.parent, self.path.stem)
        return written

    def _summary(self) -> str:
        reading, count = self.reading, self.reading.timeline.answers
        parts = [f"{self.source}: {reading.label} {reading.timeline.mean[reading.label]:.2f} on the whole, "
                 f"{count} answer{'s' if count > 1 else ''}"]
        if self.predictor.finds_faces:
            parts.append(f"a face in {reading.with_box / reading.frames:.0%} of {reading.frames} frames")
        parts += [f"{number} of {count} rest on a {cut}" for cut, number in reading.without_face.items()]
        return "; ".join(parts + reading.stream.notes)
