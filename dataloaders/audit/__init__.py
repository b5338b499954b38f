"""Whether data are what training takes them for: an audit of the very loaders that it is given."""

from pkgutil import resolve_name

from dataloaders.loader import Loader
from utils.config import Config
from utils.findings import Finding
from utils.structures import Labels

# Imported when one is asked for: scikit-learn, for reviews, takes seconds.
AUDITS = {"video": "dataloaders.audit.clips:audit_clips", "simclr": "dataloaders.audit.clips:audit_clips",
          "text": "dataloaders.audit.reviews:audit_reviews"}


def audit(config: Config, loaders: dict[str, Loader], labels: Labels, full: bool = False) -> list[Finding]:
    """What is wrong or odd about the splits' samples.

    Args:
        full: look into every sample; else into a few of each split, in seconds.
    """
    return resolve_name(AUDITS[config.model.model])(config, loaders, labels, full)
