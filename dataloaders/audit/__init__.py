"""Whether data are what training takes them for: an audit of the very loaders that it is given."""

from dataloaders.audit.clips import audit_clips
from dataloaders.audit.reviews import audit_reviews
from dataloaders.loader import Loader
from utils.config import Config
from utils.findings import Finding
from utils.structures import Labels

AUDITS = {"video": audit_clips, "simclr": audit_clips, "text": audit_reviews}


def audit(config: Config, loaders: dict[str, Loader], labels: Labels, full: bool = False) -> list[Finding]:
    """What is wrong or odd about the splits' samples.

    Args:
        full: look into every sample; else into a few of each split, in seconds.
    """
    return AUDITS[config.model.model](config, loaders, labels, full)
