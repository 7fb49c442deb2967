"""Reads inputs recorded from a network: a NumPy array, or text with one number per line or all on one line."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError, to_real
from rampjax.config.reading import may_be_heading, reading

ENDINGS = (".csv", ".txt", ".npy")
_EXPECTED = "expected recorded inputs, one number per line, all on one line, or a NumPy array (.npy)"


def is_samples_file(text: str) -> bool:
    """Says whether `text` is the path of a file of samples, not the name of a distribution."""
    return text.lower().endswith(ENDINGS)


def read_samples(path: str | Path) -> NDArray[np.float64]:
    """Reads recorded inputs: a `.npy` array of any shape, or text.

    Text has one number per line, under a header or none, or all numbers on one line, with spaces, commas or semicolons
    between them. A header does not begin like a number: what does is never passed over.

    Args:
        path: the file.

    Raises:
        InputError: names the file, and the line where there is one: no such file, not a file of numbers, not finite.
    """
    with reading(path, _EXPECTED):
        return _read_array(path) if str(path).lower().endswith(".npy") else _read_text(path)


def _read_array(path: str | Path) -> NDArray[np.float64]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError):
        raise InputError(f"{path}: is not an array of NumPy, {_EXPECTED}.") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        kind = getattr(array, "dtype", type(array).__name__)
        raise InputError(f"{path}: must be an array of real numbers, but holds {kind}.")
    values = array.astype(np.float64).ravel()
    finite = np.isfinite(values)
    if not finite.all():
        first = int(np.argmin(finite))
        raise InputError(f"{path}: must hold finite numbers only, but number {first + 1} is {values[first]:g}.")
    return values


def _read_text(path: str | Path) -> NDArray[np.float64]:
    lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    cells = [(number, cell.rstrip(",").strip()) for number, cell in enumerate(lines, 1)]
    cells = [(number, cell) for number, cell in cells if cell]
    if len(cells) == 1:
        line, row = cells[0]
        cells = [(line, cell) for cell in _split(row)]
    elif cells and may_be_heading(cells[0][1]) and "," not in cells[0][1]:
        cells = cells[1:]
    values = np.empty(len(cells))
    for i, (line, cell) in enumerate(cells):
        value = _number(cell)
        if value is None:
            several = ", or all numbers on one line" if len(_split(cell)) > 1 else ""
            raise InputError(f'{path}: line {line}: must be one number{several}, but is "{cell[:40]}".')
        if not math.isfinite(value):
            raise InputError(f"{path}: line {line}: must be finite, but is {value:g}.")
        values[i] = value
    return values


def _split(row: str) -> list[str]:
    """The cells of a line, between commas or semicolons where it has such, else between spaces."""
    mark = next((mark for mark in (";", ",") if mark in row), None)
    return [cell.strip() for cell in row.split(mark)]


def _number(cell: str) -> float | None:
    try:
        return to_real(cell.strip('"'))
    except ValueError:
        return None
