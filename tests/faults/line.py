"""One line of a function, replaced while a test runs."""

import inspect
import textwrap
from collections.abc import Callable


def replace_line(function: Callable, old: str, new: str, monkeypatch) -> None:
    """Compile the function anew with one piece of its text replaced; whoever holds it runs the new code."""
    function = inspect.unwrap(getattr(function, "fget", None) or getattr(function, "__func__", function))
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {function.__qualname__}"
    names = function.__code__.co_freevars  # __class__, where super() is called
    lines = [f"def around({', '.join(names)}):", textwrap.indent(source.replace(old, new), "    "),
             f"    return {function.__name__}"]
    space = dict(function.__globals__)
    # Only where it must be: inside another function a method would find itself where it calls a function of its name.
    exec("\n".join(lines) if names else source.replace(old, new), space)
    made = space["around"](*[None] * len(names)) if names else space[function.__name__]
    made = inspect.unwrap(getattr(made, "fget", None) or getattr(made, "__func__", made))
    monkeypatch.setattr(function, "__code__", made.__code__)
