"""Cells as numbers: written out in full, or refused. What `float` takes besides (1_0, nan, other scripts) is none."""

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.interop.measured.units import in_quotes

NUMBERS: Final = {
    ".": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII),
    ",": re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?", re.ASCII),
}
_HINTS: Final = {
    ".": (",", " (a decimal point is expected, no comma; --decimal comma reads such a file)"),
    ",": (".", " (a decimal comma is expected, no point; --decimal point reads such a file)"),
}


def is_number(cell: str) -> bool:
    """Whether a cell is a number with either decimal mark."""
    return any(pattern.fullmatch(cell) for pattern in NUMBERS.values())


def parse_numbers(cells: Sequence[str], decimal: str, named: Callable[[int], str]) -> NDArray[np.float64]:
    """Returns cells as finite numbers.

    Args:
        cells: without blanks around them.
        decimal: "." or ",".
        named: says which cell the one at an index is, to begin a sentence: "chip.csv: line 3: `time`".

    Raises:
        InputError: the first cell that is empty, no number or not finite.
    """
    matches = NUMBERS[decimal].fullmatch
    for index, cell in enumerate(cells):
        if not matches(cell):
            raise InputError(f"{named(index)} {_wrong(cell, decimal)}")
    points = cells if decimal == "." else [cell.replace(",", ".") for cell in cells]
    values = np.array(list(map(float, points)), dtype=np.float64)
    infinite = np.flatnonzero(~np.isfinite(values))
    if infinite.size:
        raise InputError(f"{named(int(infinite[0]))} must be finite, but is {in_quotes(cells[infinite[0]])}.")
    return values


def _wrong(cell: str, decimal: str) -> str:
    if not cell:
        return "is empty, expected a number."
    if cell.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        return f"must be finite, but is {cell}."
    other, hint = _HINTS[decimal]
    return f"must be a number, but is {in_quotes(cell)}{hint if other in cell else ''}."
