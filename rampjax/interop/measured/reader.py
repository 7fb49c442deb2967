"""Reads measured tables: CSV files whose columns say their units. A unit is never guessed.

A column's unit stands in its header, `target_uS`, `target (mS)` or `target [uS]`, or is given beside it (`--units
target=uS`). Conductances come back in µS, times in s, voltages in V. Lines that begin with `#` may stand before the
header; where numbers follow at once, the last of them is the header (as `numpy.savetxt` writes it).
"""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.config.reading import reading
from rampjax.interop.measured.columns import SEPARATORS, Place, Wanted, find_columns, named_units
from rampjax.interop.measured.units import BASE_UNITS, UNITS, in_quotes, parse_units

__all__ = ["Measured", "Wanted", "parse_units", "read_measured"]

_LARGEST: Final = {"number": 1e15}  # others: 1e9 of their base unit, as in a device file
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EXPECTED: Final = "expected a CSV table with a header"


@dataclass(frozen=True, eq=False)
class Measured:
    """A measured table."""

    path: str
    columns: Mapping[str, NDArray]  # by `Wanted.name`, those present: float64, or str objects for labels
    lines: NDArray[np.int64]  # line number of each row
    notes: tuple[str, ...] = ()  # sentences on what was left out

    @property
    def n_rows(self) -> int:
        return len(self.lines)


def read_measured(path: str | Path, wanted: Sequence[Wanted], units: Mapping[str, str] | None = None) -> Measured:
    """Reads the wanted columns of a CSV file, in any order, in the unit of their quantity.

    Args:
        path: the file: UTF-8, commas between cells, a header.
        wanted: the columns to read; others are left out, and said in `notes`.
        units: the unit of a column whose header does not say it (`parse_units`).

    Raises:
        InputError: one sentence with the file, and the line where there is one: not such a file, a column that is
            missing or there twice, without a unit or with two, a cell that is empty, no number, not finite or outside
            its limits, a row of another length, no rows.
    """
    rows = _rows(path)
    line, header = rows[0]
    places, notes = find_columns(f"{path}: line {line}", header, wanted, named_units(path, wanted, units or {}))
    body = rows[1:]
    if not body:
        raise InputError(f"{path}: has a header but no rows, expected one row for each measured value.")
    for line, row in body:
        if len(row) != len(header):
            count, said = len(row), _separator_hint(row)
            cells = f"{count} cell{'' if count == 1 else 's'}"
            raise InputError(f"{path}: line {line}: has {cells}, expected {len(header)} as in the header{said}.")
    columns = {p.wanted.name: _column(path, p, [(line, row[p.index]) for line, row in body]) for p in places}
    lines = np.array([line for line, _ in body], dtype=np.int64)
    return Measured(str(path), columns, lines, tuple(f"{path}: {note}" for note in notes))


def _rows(path: str | Path) -> list[tuple[int, list[str]]]:
    """Returns (line, cells) of the header and of every row that is not blank."""
    with reading(path, _EXPECTED):
        data = Path(path).read_bytes()
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
            raise InputError(f"{path}: is not text in UTF-8 (it looks like UTF-16 or binary data), {_EXPECTED}.")
        text = data.decode("utf-8-sig")
    if "\0" in text:
        line = 1 + text[: text.index("\0")].count("\n")
        raise InputError(f"{path}: line {line}: has a NUL character, {_EXPECTED}.")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if "".join(row).strip() or row[1:]]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: is not CSV ({error}), {_EXPECTED}.") from None
    first = next((i for i, (_, row) in enumerate(rows) if not row[0].startswith("#")), len(rows))
    if first == len(rows):
        raise InputError(f"{path}: {'is empty' if not rows else 'has comments only'}, {_EXPECTED}.")
    line, cells = rows[first]
    if any(_NUMBER.fullmatch(cell) for cell in cells):
        if first == 0:
            raise InputError(f"{path}: line {line}: has numbers where the header should be, {_EXPECTED}.")
        line, cells = rows[first - 1]
        return [(line, [cells[0].lstrip("# \t"), *cells[1:]]), *rows[first:]]
    return rows[first:]


def _column(path: str | Path, place: Place, cells: Sequence[tuple[int, str]]) -> NDArray:
    column = place.wanted
    if column.quantity == "label":
        for line, cell in cells:
            if not cell:
                raise InputError(f"{path}: line {line}: `{column.name}` is empty, expected text.")
        labels = np.empty(len(cells), dtype=object)
        labels[:] = [cell for _, cell in cells]
        return labels
    return np.array([_value(f"{path}: line {line}", place, cell) for line, cell in cells], dtype=np.float64)


def _value(where: str, place: Place, cell: str) -> float:
    """The number of a cell, in the unit of its quantity."""
    column = place.wanted
    name = f"{where}: `{column.name}`"
    if not cell:
        raise InputError(f"{name} is empty, expected a number.")
    if not _NUMBER.fullmatch(cell):
        if cell.lstrip("+-").lower() in ("nan", "inf", "infinity"):
            raise InputError(f"{name} must be finite, but is {cell}.")
        comma = " (a decimal point is expected, no comma)" if "," in cell else ""
        raise InputError(f"{name} must be a number, but is {in_quotes(cell)}{comma}.")
    _, factor, divisor = UNITS.get(place.unit or "", ("", 1.0, 1.0))
    value = float(cell) * factor / divisor
    base = BASE_UNITS.get(column.quantity, "")
    unit = f" {base}" if base else ""
    if not math.isfinite(value):
        raise InputError(f"{name} must be finite, but is {in_quotes(cell)}.")
    largest = _LARGEST.get(column.quantity, 1e9)
    low = -largest if column.low is None else max(column.low, -largest)
    high = largest if column.high is None else min(column.high, largest)
    if value < low:
        raise InputError(f"{name} must be at least {low:g}{unit}, but is {value:g}{unit}.")
    if value > high:
        raise InputError(f"{name} must be at most {high:g}{unit}, but is {value:g}{unit}.")
    return value


def _separator_hint(row: Sequence[str]) -> str:
    line = ",".join(row)
    named = [name for mark, name in SEPARATORS.items() if line.count(mark) > len(row) - 1]
    return f", with commas between them, not {named[0]}" if named else ""
