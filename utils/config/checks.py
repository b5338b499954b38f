"""How settings are named on the command line, and how they check themselves."""

from utils.errors import UserError


def flag(name: str) -> str:
    """The flag of a field: lr_adapter is --lr-adapter."""
    return "--" + name.replace("_", "-")


def require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def not_negative(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        require(value >= 0, f"{flag(name)} {value}: must not be negative")


def at_least(settings: object, **least: float) -> None:
    for name, bound in least.items():
        value = getattr(settings, name)
        require(value >= bound, f"{flag(name)} {value}: must be at least {bound}")
