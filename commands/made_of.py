"""What a session was made of, data and all."""

from dataloaders import Loader
from dataloaders.fingerprints import data_files, fingerprints
from utils.config import Config
from utils.provenance import gather
from utils.recipe import find_recipe


def made_of(config: Config, loaders: dict[str, Loader], training: bool, recipe: str | None = None) -> dict:
    """What provenance.json tells of a session."""
    files = data_files(config) | ({"recipe": find_recipe(recipe)} if recipe else {})
    return gather(config, files, fingerprints(config, loaders, training))
