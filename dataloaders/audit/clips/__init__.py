"""Clips: what is listed, what is there, and what the network would see of it."""

from dataclasses import replace

from dataloaders.audit.clips.box_sense import check_box_sense
from dataloaders.audit.clips.boxes import check_boxes
from dataloaders.audit.clips.broken import check_broken
from dataloaders.audit.clips.card import check_card
from dataloaders.audit.clips.doubles import check_doubles
from dataloaders.audit.clips.drawing import check_drawing
from dataloaders.audit.clips.fit import check_fit
from dataloaders.audit.clips.folders import check_folders
from dataloaders.audit.clips.frames import check_frames
from dataloaders.audit.clips.glances import glance
from dataloaders.audit.clips.listing import check_listing
from dataloaders.audit.clips.looks import look
from dataloaders.audit.clips.overlap import check_overlap
from dataloaders.audit.clips.shortcuts import check_shortcuts
from dataloaders.audit.clips.sources import check_sources, read_rows
from dataloaders.audit.clips.streaming import check_stream
from dataloaders.audit.clips.tracks import check_tracks
from dataloaders.audit.clips.turned import check_turned
from dataloaders.audit.clips.view import View
from dataloaders.loader import Loader
from utils.config import Config
from utils.errors import UserError
from utils.findings import Finding, failed, surely
from utils.structures import Labels

NOT_AUDITED = Finding("note", "packed-not-audited", "clips are read packed: their own files, lists and boxes are not "
                      "looked at", "run `check` without --packed where the files are")


def audit_clips(config: Config, loaders: dict[str, Loader], labels: Labels, full: bool) -> list[Finding]:
    """As `audit`."""
    view = View.of(config, loaders, labels, full)
    if config.data.packed:
        listed = replace(view, splits={name: split for name, split in view.splits.items() if not split.loader.streamed})
        return [NOT_AUDITED, *surely(check_drawing, listed), *surely(check_card, view), *surely(check_stream, view)]
    (rows, looks, glances), findings = _gathered(view)
    checks = ((check_sources, rows), (check_listing,), (check_folders, rows), (check_overlap, looks),
              (check_boxes, looks), (check_frames, looks), (check_drawing,), (check_card,), (check_shortcuts, glances),
              (check_broken, glances), (check_turned, glances), (check_doubles, glances), (check_fit, glances),
              (check_box_sense, glances), (check_tracks,))
    return findings + [finding for check, *more in checks for finding in surely(check, view, *more)]


def _gathered(view: View) -> tuple[list, list[Finding]]:
    """What the lists say, and what clips show; where that cannot be gathered, nothing, and a finding that says so."""
    found, findings = [], []
    for gather, nothing in ((read_rows, {}), (look, []), (glance, [])):
        try:
            found.append(gather(view))
        except UserError:
            raise
        except Exception as error:
            found.append(nothing)
            findings.append(failed(gather, error))
    return found, findings
