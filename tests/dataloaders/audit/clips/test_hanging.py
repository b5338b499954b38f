"""A clip of which nothing comes, wherever the audit first reads it: it is named when --reader-timeout is over."""

import contextlib
import os
from functools import partial

import pytest

from dataloaders import build_loaders, patience, video
from dataloaders.audit.clips.boxes.spot import spots_of
from dataloaders.audit.clips.doubles import _whole_frames
from dataloaders.audit.clips.expected import BoxTable
from dataloaders.audit.clips.folders import check_folders
from dataloaders.audit.clips.glances import glance
from dataloaders.audit.clips.looks import look
from dataloaders.audit.clips.overlap import check_overlap
from dataloaders.audit.clips.reading import UnlikeError
from dataloaders.audit.clips.tracks import check_tracks
from dataloaders.audit.clips.view import View
from tests.dataloaders.audit.conftest import FLAGS, FRAMES

READERS = {
    "look": look,
    "glance": glance,
    "folders": lambda view: check_folders(view, {}),
    "tracks": check_tracks,
    "overlap": lambda view: check_overlap(view, []),
    "doubles": lambda view: [_whole_frames(view, view.splits["train"].clips[0])],
    "boxes": lambda view: spots_of(view, BoxTable(view.config.data.root_dir / "face.json"), []),
}


def let_go(told: list[str], pipes: list, text: str) -> None:
    """In place of the process's end: the pipe that is being read ends, and there are empty files for the others."""
    told.append(text)
    ends = []
    for pipe in pipes:
        with contextlib.suppress(OSError):  # nobody reads this one
            ends.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        pipe.unlink()
        pipe.touch()
    pipes.clear()
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("reader", READERS)
def test_a_clip_that_hangs_is_named(data, monkeypatch, reader):
    clips, pipes = data.clips("train")[:2], []
    for clip in clips:
        for number in range(FRAMES):
            if reader != "overlap" or number:  # which reads files of one size, and sees no empty ones
                (clip / f"{number}.jpg").unlink()
                os.mkfifo(clip / f"{number}.jpg")
                pipes.append(clip / f"{number}.jpg")
            else:
                (clip / "0.jpg").unlink()
                (clip / "0.jpg").write_bytes(b"of one size")
    config, told = data.configure(f"--root-dir {data.root} {FLAGS} --reader-timeout 3"), []
    view = View.of(config, *build_loaders(config, data.root), full=True)
    monkeypatch.setattr(patience, "_give_up", partial(let_go, told, pipes))
    monkeypatch.setattr(video, "at_most", lambda *_: contextlib.nullcontext())
    with contextlib.suppress(UnlikeError):  # of what could not be read
        list(READERS[reader](view))
    name = clips[0].relative_to(data.root).as_posix()
    assert told and told[0] == f"reading took over 3 s (--reader-timeout): {name}"
