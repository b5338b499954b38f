"""A film to try `predict` and `serve` on: test clips of one drawn person, one after the other, in H.264.

    python -m scripts.demo_film runs/demo-data film.mp4 [--person 3]
"""

import argparse
import csv
from fractions import Fraction
from pathlib import Path

import av

from dataloaders.stream import Stream
from utils.errors import UserError

FRAMES_PER_SECOND = 15  # of the demo's videos
SIDE = 4  # times the width and height of the clips


def clips_of(root: Path, person: int) -> list[Path]:
    """The test clips of one person, counted from 0, in the order of their classes.

    Raises:
        UserError: no demo data, or fewer people.
    """
    table = root / "identities.csv"
    if not table.is_file():
        raise UserError(f"{root}: no demo data; `bash train.sh` makes it")
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    people = sorted({row["identity"] for row in rows})
    if not 0 <= person < len(people):
        raise UserError(f"--person {person}: must be from 0 to {len(people) - 1}")
    return [root / row["clip"] for row in rows if row["identity"] == people[person]]


def join(clips: list[Path], path: Path) -> None:
    moments = [moment for clip in clips for moment in Stream(clip)]
    height, width = (SIDE * side for side in moments[0].pixels.shape[:2])
    with av.open(str(path), "w", options={"movflags": "faststart"}) as film:
        video = film.add_stream("libx264", rate=FRAMES_PER_SECOND, width=width, height=height, pix_fmt="yuv420p",
                                options={"crf": "18"})
        for number, moment in enumerate(moments):
            frame = av.VideoFrame.from_ndarray(moment.pixels, format="rgb24").reformat(width, height, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            film.mux(video.encode(frame))
        film.mux(video.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="where the demo's videos are: runs/demo-data")
    parser.add_argument("film", type=Path, help="the file to write, an .mp4")
    parser.add_argument("--person", type=int, default=0, help="which of the people of the test split")
    args = parser.parse_args()
    try:
        join(clips_of(args.root, args.person), args.film)
    except UserError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
