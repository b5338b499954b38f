"""Clips: what is listed, what is there, and what the network would see of it."""

from dataloaders.audit.clips.card import check_card
from dataloaders.audit.clips.drawing import check_drawing
from dataloaders.audit.clips.face_boxes import check_boxes
from dataloaders.audit.clips.folders import check_folders
from dataloaders.audit.clips.frames import check_frames
from dataloaders.audit.clips.listing import check_listing
from dataloaders.audit.clips.looks import look
from dataloaders.audit.clips.overlap import check_overlap
from dataloaders.audit.clips.sources import check_sources, read_rows
from dataloaders.audit.clips.view import View
from dataloaders.loader import Loader
from utils.config import Config
from utils.findings import Finding
from utils.structures import Labels


def audit_clips(config: Config, loaders: dict[str, Loader], labels: Labels, full: bool) -> list[Finding]:
    """As `audit`."""
    view = View.of(config, loaders, labels, full)
    rows, looks = read_rows(view), look(view)
    return [*check_sources(view, rows), *check_listing(view), *check_folders(view, rows), *check_overlap(view, looks),
            *check_boxes(view, looks), *check_frames(view, looks), *check_drawing(view), *check_card(view)]
