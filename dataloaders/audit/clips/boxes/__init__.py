"""Box files: how many clips they cover, and whether their numbers are pixels of these frames, in this order."""

from collections.abc import Iterator

from dataloaders.audit.clips.boxes.by_frame import check_frames
from dataloaders.audit.clips.boxes.coverage import check_coverage
from dataloaders.audit.clips.boxes.numbers import check_numbers
from dataloaders.audit.clips.boxes.spot import LEAST, SOME, Spot, spots_of
from dataloaders.audit.clips.expected import BoxTable
from dataloaders.audit.clips.looks import Look
from dataloaders.audit.clips.view import View
from utils.findings import Finding, of_some


def check_boxes(view: View, looks: list[Look]) -> Iterator[Finding]:
    data, tables = view.config.data, {}
    if data.bounding_box_body and (not data.crop_body or data.streams == "face"):
        yield Finding("warning", "body-boxes-unused", f"--bounding-box-body {data.bounding_box_body} is given, and the "
                      "context is the whole frame", "--crop-body, with both streams; or leave the file out")
    for kind, of_split in (("face", lambda s: s.dataset.faces), ("body", lambda s: s.dataset.bodies)):
        boxes = next((of_split(split) for split in view.splits.values() if of_split(split)), None)
        if boxes is not None:
            table = BoxTable(boxes.path)
            yield from check_coverage(view, kind, table, boxes)
            spots = tables[kind] = list(spots_of(view, table, looks))
            yield from check_numbers(kind, spots)
            yield from check_frames(view, kind, table)
    if len(tables) == 2:
        yield from _face_in_body(tables["face"], tables["body"])


def _face_in_body(faces: list[Spot], bodies: list[Spot]) -> Iterator[Finding]:
    of_clip, apart = {spot.clip.id: spot.box for spot in bodies}, []
    both = [spot for spot in faces if spot.clip.id in of_clip]
    for spot in both:
        x, y = (spot.box[0] + spot.box[2]) / 2, (spot.box[1] + spot.box[3]) / 2
        x1, y1, x2, y2 = of_clip[spot.clip.id]
        if not (x1 <= x <= x2 and y1 <= y <= y2):
            apart.append(spot.clip.id)
    if len(both) >= LEAST and len(apart) > 2 * SOME * len(both):
        yield Finding("warning", "face-not-in-body", f"{len(apart)} of {len(both)} faces lie outside their clip's body "
                      "box", "check that both files are of these clips", **of_some(apart))
