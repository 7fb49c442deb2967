"""Reads measured tables, whose columns say their units. A unit is never guessed.

A column's unit stands in its header, `target_uS`, `target (mS)` or `target [uS]`, or is given beside it (`--units
target=uS`). Conductances come back in µS, also where a file has resistances (g = 1 / R), times in s, voltages in V.
How a file is written is recognised or chosen (`read_rows`), and said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.interop.measured.columns import Place, Wanted, find_columns, named_units
from rampjax.interop.measured.dialect import SEPARATORS, separator_name
from rampjax.interop.measured.numbers import parse_numbers
from rampjax.interop.measured.options import AS_RECOGNISED, LEFT_OUT, REST, Reading, parse_reading
from rampjax.interop.measured.rows import TextTable, read_rows
from rampjax.interop.measured.units import BASE_UNITS, UNITS, in_quotes, parse_units

__all__ = ["AS_RECOGNISED", "Measured", "Reading", "Wanted", "parse_reading", "parse_units", "read_measured"]

_LARGEST: Final = {"number": 1e15}  # others: 1e9 of their base unit, as in a device file


@dataclass(frozen=True, eq=False)
class Measured:
    """A measured table."""

    path: str
    columns: Mapping[str, NDArray]  # by `Wanted.name`, those present: float64, or str objects for labels
    lines: NDArray[np.int64]  # line number of each row
    notes: tuple[str, ...] = ()  # sentences on what was left out
    said: tuple[str, ...] = ()  # what was read as what, and from how many rows
    units: Mapping[str, str] = field(default_factory=dict)  # by `Wanted.name`, as the file has them

    @property
    def n_rows(self) -> int:
        return len(self.lines)


def read_measured(
    path: str | Path,
    wanted: Sequence[Wanted],
    units: Mapping[str, str] | None = None,
    reading: Reading = AS_RECOGNISED,
) -> Measured:
    """Reads the wanted columns of a table, in any order, in the unit of their quantity.

    A column that repeats (`Wanted.repeats`) gives a row for each of its cells, in the order of the file.

    Args:
        path: the file: UTF-8, perhaps compressed by gzip.
        wanted: the columns to read; others are left out, and said in `notes`.
        units: the unit of a column whose header does not say it (`parse_units`).
        reading: how the file is written, where that was chosen.

    Raises:
        InputError: one sentence with the file, and the line where there is one: not such a file, one that can be read
            in two ways, a column that is missing or there twice, without a unit or with two, a cell that is empty, no
            number, not finite or outside its limits, a resistance that is not above 0, a row of another length, no
            rows.
    """
    table = read_rows(path, reading)
    if table.header is None:
        raise InputError(f"{path}: --no-header needs the names of the columns, expected --columns NAME,NAME,... too.")
    given = named_units(path, wanted, units or {})
    places, notes = find_columns(table.header_where, table.header, wanted, given, table.sep)
    _check_widths(table, table.header, places)
    columns, lines = _columns(table, len(table.header), places)
    return Measured(
        str(path),
        columns,
        lines,
        tuple(f"{path}: {note}" for note in notes),
        (table.said, f"{path}: {_said(table.header, places, len(lines))}"),
        {place.wanted.name: place.unit for place in places if place.unit is not None},
    )


def _check_widths(table: TextTable, header: Sequence[str], places: Sequence[Place]) -> None:
    """Raises InputError for a row of another length than the header's."""
    last = header[-1]
    # What is left out to the end of a row need not be there.
    least = len(header) - (last.endswith(REST) and last.removesuffix(REST) in LEFT_OUT)
    goes_on = least < len(header) or any(place.rest for place in places)
    for line, row in table.rows:
        if len(row) < least or (len(row) > len(header) and not goes_on):
            cells = f"{len(row)} cell{'' if len(row) == 1 else 's'}"
            raise InputError(
                f"{table.path}: line {line}: has {cells}, expected {'at least ' * goes_on}{least} as in "
                f"{table.header_of}{_width_hint(table.sep, row, len(header), places)}."
            )


def _width_hint(sep: str, row: Sequence[str], width: int, places: Sequence[Place]) -> str:
    line = sep.join(row)
    named = [name for mark, name in SEPARATORS.items() if mark != sep and line.count(mark) > len(row) - 1]
    if named:
        return f", with {separator_name(sep)} between them, not {named[0]}"
    last = next((place.wanted for place in places if place.index == width - 1), None)
    if last is not None and last.repeats and len(row) > width:
        return f"; where the further cells are of `{last.name}` too, its name is `{last.name}{REST}` (see --columns)"
    if sep == "," and len(row) == 2 * width:
        return ", which is half as many: commas cannot both part cells and be decimal marks"
    return ""


def _columns(table: TextTable, width: int, places: Sequence[Place]) -> tuple[dict[str, NDArray], NDArray[np.int64]]:
    """The values of all columns, and the line of each row."""
    lines = np.array([line for line, _ in table.rows], dtype=np.int64)
    copies = np.ones(len(lines), dtype=np.int64)
    repeated = next((place for place in places if place.others or place.rest), None)
    columns = {}
    if repeated is not None:
        indices = (repeated.index, *repeated.others)
        each = [[row[i] for i in indices] + (row[width:] if repeated.rest else []) for _, row in table.rows]
        copies = np.array([len(cells) for cells in each], dtype=np.int64)
        flat = [cell for cells in each for cell in cells]
        columns[repeated.wanted.name] = _column(table, repeated, np.repeat(lines, copies), flat)
    for place in places:
        if place is not repeated and place.wanted.quantity != "unused":
            values = _column(table, place, lines, [row[place.index] for _, row in table.rows])
            columns[place.wanted.name] = np.repeat(values, copies)
    return columns, np.repeat(lines, copies)


def _column(table: TextTable, place: Place, lines: NDArray[np.int64], cells: Sequence[str]) -> NDArray:
    """The values of a column, in the unit of its quantity."""

    def named(index: int) -> str:
        return f"{table.path}: line {lines[index]}: `{place.wanted.name}`"

    if place.wanted.quantity == "label":
        if "" in cells:
            raise InputError(f"{named(cells.index(''))} is empty, expected text.")
        labels = np.empty(len(cells), dtype=object)
        labels[:] = cells
        return labels
    values = parse_numbers(cells, table.decimal, named)
    unit = UNITS.get(place.unit or "")
    if unit is not None and unit.inverse:
        wrong = np.flatnonzero(values <= 0)
        if wrong.size:
            raise InputError(
                f"{named(int(wrong[0]))} is a resistance, expected one above 0, but it is {cells[wrong[0]]} "
                f"{place.unit}."
            )
        with np.errstate(over="ignore"):
            values = unit.factor / (values * unit.divisor)
    elif unit is not None:
        with np.errstate(over="ignore"):
            values = values * unit.factor / unit.divisor
    _check_limits(place.wanted, values, cells, named)
    return values


def _check_limits(
    column: Wanted, values: NDArray[np.float64], cells: Sequence[str], named: Callable[[int], str]
) -> None:
    base = BASE_UNITS.get(column.quantity, "")
    unit = f" {base}" if base else ""
    largest = _LARGEST.get(column.quantity, 1e9)
    low = -largest if column.low is None else max(column.low, -largest)
    high = largest if column.high is None else min(column.high, largest)
    for index in np.flatnonzero(~((values >= low) & (values <= high)))[:1].tolist():
        value = values[index]
        if not np.isfinite(value):
            raise InputError(f"{named(index)} must be finite, but is {in_quotes(cells[index])}.")
        limit = f"at least {low:g}" if value < low else f"at most {high:g}"
        raise InputError(f"{named(index)} must be {limit}{unit}, but is {value:g}{unit}.")


def _said(header: Sequence[str], places: Sequence[Place], n_rows: int) -> str:
    """What was read as what: columns count from 1."""
    parts = []
    used = [place for place in places if place.wanted.quantity != "unused"]
    for place in used:
        indices = [str(index + 1) for index in (place.index, *place.others)]
        which = f"column{'' if len(indices) == 1 else 's'} {', '.join(indices)}{' to the last' * place.rest}"
        unit = UNITS.get(place.unit or "")
        in_unit = f" in {place.unit}{' (its inverse is the conductance)' * unit.inverse}" if unit else ""
        each = f", a row for each: {n_rows}" if place.others or place.rest else ""
        parts.append(f"{which} as {place.wanted.name}{in_unit}{each}")
    left = {place.index for place in places if place not in used}
    out = [str(i + 1) for i, name in enumerate(header) if i in left or name.removesuffix(REST) in LEFT_OUT]
    if out:
        parts.append(f"column{'' if len(out) == 1 else 's'} {', '.join(out)} left out")
    return "; ".join(parts)
