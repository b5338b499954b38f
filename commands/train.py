"""`main.py train`: from a recipe to a run folder."""

import os

from utils.errors import Elsewhere, UserError
from utils.recipe import load_config


def train(recipe: str, flags: list[str]) -> None:
    """
    Raises:
        UserError: a mistake in the recipe, its flags or its data; an error that the check has found.
    """
    try:
        config = load_config(recipe, flags)
    except UserError as error:  # which the other processes of this machine meet too
        raise error if os.environ.get("LOCAL_RANK", "0") == "0" else Elsewhere(str(error)) from None
    from commands.training import run_training  # only now: it brings torch, which takes seconds

    run_training(config, recipe)
