"""faces.html: what a search for faces found, on one page that needs no other file."""

from pathlib import Path

from utils.report.curves import data_uri
from utils.report.frame import render
from utils.sheets import FaceSheet

SIDE = 240  # pixels of a picture
NAMED = 20  # clips that cannot be read
SAYS = {
    "No face": "Not one frame has a box. In training the face stream is then cut at the centre.",
    "Gaps": "Some frames have no box, even after short gaps were bridged; they take that of the nearest frame.",
    "Several faces": "More than one face was seen at a time. Is the right one framed?",
    "One face": "The rest.",
}


def write_faces_page(path: Path, recipe: str, sheet: FaceSheet) -> Path:
    groups = {name: (SAYS[name], sheet.counts.get(name, 0), clips) for name, clips in sheet.groups.items() if clips}
    path.write_text(render("faces.html.j2", {"recipe": recipe, "sheet": sheet, "groups": groups, "named": NAMED,
                                             "uri": lambda picture: data_uri(picture, SIDE)}), encoding="utf-8")
    return path
