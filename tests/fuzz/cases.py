"""Files to fuzz a reader with: damaged copies of good ones, and bytes of any kind."""

import copy
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.errors import UserError

NUMBERS = [pytest.param(300, id="some"), pytest.param(10_000, id="many", marks=[pytest.mark.slow, pytest.mark.long])]

ODD = ["", " ", "\t", "\n", "\r", "\r\n", "\0", "\ufeff", "\u2028", "\x85", "\x0b", "\x1b[2J", "\u3000", "\u200b",
       "\u00b2", "\u0663", "\u0661\u0662", "0", "-0", "-1", "1e999", "9" * 25, "9" * 5000, "NaN", "Infinity", "null",
       "none", "true", "..", ".", "/", "\\", "C:", "~", "'", '"', '""', "#", "{", "}", "[", "]", ":", ",", ";", "&a",
       "*a", "!!", "%", "|", "\\ud800", "\\u0000", "[" * 100_000, '{"a":' * 20_000, "- " * 3000, "x" * 200_000, "\xe9",
       "\U0001f600", "e\u0301"]
ENCODINGS = ["utf-8"] * 8 + ["utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1258"]


def fuzzed(number: int, files: st.SearchStrategy) -> Callable:
    """Calls the function below it with as many files; without a deadline, or a memory of earlier runs.

    A short run always takes the same ones, so that nobody's change fails by another's luck.
    """
    profile = settings(max_examples=number, deadline=None, database=None, derandomize=number < 10_000,
                       suppress_health_check=list(HealthCheck))
    return lambda check: profile(given(files)(check))()


def refused(read: Callable, *errors: type[Exception]):
    """What `read` gives; None if it refuses in one line, as a UserError or another error that it may raise."""
    try:
        return read()
    except (UserError, *errors) as error:
        said = str(error)
        assert said.strip() and len(said.splitlines()) == 1 and said.isprintable()
        assert len(said) < 2000
        return None


@st.composite
def _damaged(draw, good: list[str], words: list[str]) -> bytes:
    """One of the files with one to five changes, in some encoding."""
    pieces = re.findall(r"\w+|\s|[^\w\s]", draw(st.sampled_from(good)))
    place = st.integers(0, 10**6).map(lambda number: number % (len(pieces) + 1))
    for change in draw(st.lists(st.sampled_from(["cut", "double", "swap", "put", "replace", "value", "value"]),
                                min_size=1, max_size=5)):
        first, second = sorted((draw(place), draw(place)))
        new = draw(st.sampled_from(words + ODD) | st.text(max_size=4)) if change in ("put", "replace", "value") else ""
        match change:
            case "cut":
                del pieces[first : min(second, first + 12)]
            case "double":
                pieces[first:first] = pieces[first : min(second, first + 40)]
            case "swap":
                pieces[first : first + 1], pieces[second : second + 1] = (
                    pieces[second : second + 1], pieces[first : first + 1])
            case "put":
                pieces.insert(first, new)
            case "replace":
                pieces[first : first + 1] = [new]
            case "value":  # from one separator to the next
                ends = [at for at, piece in enumerate(pieces) if piece in ":,;{}[]\n\t"]
                begin = max((at + 1 for at in ends if at < first), default=0)
                pieces[begin : min((at for at in ends if at >= first), default=len(pieces))] = [" ", new]
    return "".join(pieces).encode(draw(st.sampled_from(ENCODINGS)), "replace")


def damaged(good: list[str], words: list[str] = ()) -> st.SearchStrategy[bytes]:
    """Good files changed a little, most of the time; bytes of any kind, and good files with a few of them changed.

    Args:
        words: what may stand in such a file, beside what is odd in any.
    """
    some = [text.encode() for text in good]
    broken = st.tuples(st.sampled_from(some), st.integers(0, 10**6), st.binary(max_size=8)).map(
        lambda parts: parts[0][: parts[1] % len(parts[0])] + parts[2] + parts[0][parts[1] % len(parts[0]) + 1 :])
    often = _damaged(good, list(words))
    return st.one_of(often, often, often, often, broken, st.binary(max_size=200), st.text(max_size=80).map(
        lambda text: text.encode("utf-8", "replace")))


VALUES = [None, True, -1, 0, 1, 2, 7, 1.5, float("nan"), float("inf"), 1e300, 2**31, 2**63, 2**64, 10**30, -(2**63),
          "", "0", "\0", "\ud800", "\u0663", "a\nb", "x" * 5000, [], {}, [[]], [0], [""], {"": 0}, {"bad": 1},
          {"bad": "a\nb"}, [None, None], [0, 0, 0], ["a", 0], [[["a"], []]], [-1, 2.5], ["00000.tar", 5120, ""]]


@st.composite
def changed(draw, table) -> bytes:
    """JSON in which one to three values, at any depth, are others, lost, doubled or in one another's place."""
    table = json.loads(json.dumps(table))
    for how in draw(st.lists(st.sampled_from(["value", "value", "value", "lose", "double", "swap", "number"]),
                             min_size=1, max_size=3)):
        place, key = table, None
        while isinstance(place, (dict, list)) and place and (key is None or draw(st.integers(0, 3))):
            parent, key = place, draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            place = parent[key]
        if key is None:
            break
        other = draw(st.sampled_from(list(parent) if isinstance(parent, dict) else range(len(parent))))
        match how:
            case "value":
                parent[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))  # which the next change may alter
            case "number":
                parent[key] = draw(st.integers() | st.floats() | st.integers(0, 20))
            case "lose":
                del parent[key]
            case "double":
                parent[f"{key}2" if isinstance(parent, dict) else slice(key, key)] = (
                    place if isinstance(parent, dict) else [place])
            case "swap":
                parent[key], parent[other] = parent[other], parent[key]
    return json.dumps(table).encode()
