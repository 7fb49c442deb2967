"""One wording for every bad input, below all other rooms."""

import difflib
import numbers
from collections.abc import Iterable


class InputError(ValueError):
    """A bad input: one sentence that names the culprit and what was expected. The command line exits with status 2."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Returns " Did you mean `sigmoid`?" for the known name nearest to `name`, or "" where none is near."""
    matches = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" Did you mean `{matches[0]}`?" if matches else ""


def check_between(name: str, value: float, low: float, high: float) -> None:
    """Raises InputError unless `low <= value <= high` (a NaN is outside)."""
    if not low <= value <= high:
        raise InputError(f"`{name}` must be between {_shown(low)} and {_shown(high)}, but is {_shown(value)}.")


def to_real(text: str) -> float:
    """Returns the number that a text spells in plain digits, `nan` and `inf` among them.

    Raises:
        ValueError: anything else; 1_0 and the digits of other scripts, which `float` reads, are slips here.
    """
    return float(_plain(text))


def to_whole(text: str) -> int:
    """Returns the integer that a text spells in plain digits; raises ValueError for anything else, as `to_real`."""
    return int(_plain(text))


def _plain(text: str) -> str:
    if "_" in text or not text.isascii():
        raise ValueError(f"could not convert to a number: {text!r}")
    return text


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def check_integer(name: str, value: object) -> None:
    """Raises InputError unless `value` is an integer (a whole float such as 1e4 is none)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InputError(f"`{name}` must be an integer, but is {value!r}.")
