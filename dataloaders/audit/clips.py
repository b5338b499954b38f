"""Clips: what is listed, what is there, and what the network would see of it."""

from dataloaders.loader import Loader
from utils.config import Config
from utils.findings import Finding
from utils.structures import Labels


def audit_clips(config: Config, loaders: dict[str, Loader], labels: Labels, full: bool) -> list[Finding]:
    """As `audit`."""
    return []
