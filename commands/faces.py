"""`main.py faces`: finds faces in a data set's clips, and writes the box file that `train` reads."""

from utils.config import ClipDataConfig, FacesSettings
from utils.errors import UserError
from utils.recipe import load_config, parse_own_flags


def faces(recipe: str, words: list[str]) -> None:
    """
    Raises:
        UserError: a mistake in the recipe; no detector; a box file that is not ours; too many clips cannot be read.
    """
    own, rest = parse_own_flags(FacesSettings, words, f"main.py faces {recipe}", "faces")
    config = load_config(recipe, rest)
    if not isinstance(config.data, ClipDataConfig):
        raise UserError(f"faces: {recipe} is a recipe for reviews; clips have faces")
    from commands.search_faces import search_faces  # only now: it brings torch, which takes seconds

    search_faces(config, own)
