"""`main.py train`: from a recipe to a run folder."""

from utils.recipe import load_config


def train(recipe: str, flags: list[str]) -> None:
    """
    Raises:
        UserError: a mistake in the recipe, its flags or its data; an error that the check has found.
    """
    config = load_config(recipe, flags)
    from commands.training import run_training  # only now: it brings torch, which takes seconds

    run_training(config, recipe)
