"""One wording for every bad input, below all other rooms."""

import difflib
import itertools
import math
import numbers
from collections.abc import Iterable

_MOST_DIGITS = 9


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


def told_apart(values: Iterable[float]) -> list[str]:
    """Spells numbers alike, in the digits that their spacing needs: three of the smallest difference.

    At most nine of the largest, beyond which single precision, in which chips are simulated, has nothing to say.
    """
    listed = [float(value) for value in values]
    finite = sorted({value for value in listed if math.isfinite(value)})
    largest = max(map(abs, finite), default=0.0) or 1.0
    gap = min((high - low for low, high in itertools.pairwise(finite)), default=largest)
    first = math.floor(math.log10(largest))
    decimals = min(2 - math.floor(math.log10(gap)), _MOST_DIGITS - 1 - first)
    if -4 <= first < 7:
        return [f"{value:z.{max(decimals, 0)}f}" for value in listed]
    return [f"{value:z.{max(decimals + first, 0)}e}" for value in listed]


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
