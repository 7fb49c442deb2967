"""Reads the measured conductances of a programmed column, one for each device, and what a tester was told of them.

A table with the columns `row` (the device's place, from 1, as in the program), `measured` with its unit, `column`
where the design has redundant columns, and `read` where devices were read several times: their mean counts. The
program itself with a column `measured_uS` added is such a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.interop.column.program import program_columns
from rampjax.interop.measured.reader import AS_RECOGNISED, Measured, Reading, Wanted, read_measured

_MOST: Final = 1e9
WANTED: Final = (
    Wanted("row", "number", low=1, high=_MOST),
    Wanted("measured", "conductance", aliases=("g", "r", "resistance")),
    Wanted("column", "number", required=False, low=1, high=_MOST),
    Wanted("read", "number", required=False),
    # Of a program: the targets, by which it is told from that of another design; the others say nothing new.
    Wanted("conductance", "conductance", required=False, aliases=("target",)),
    *(Wanted(name, "unused", required=False) for name in ("role", "step", "tolerance_uS", "pulse_ns", "polarity")),
)
_SUSPECT_ABOVE: Final = 2.0  # times the largest target
_TARGET_DIGITS_uS: Final = 2e-4  # targets are written to 0.1 nS


@dataclass(frozen=True, eq=False)
class BenchDevices:
    """Measured conductances of whole columns."""

    columns: tuple[int, ...]  # which of the redundant columns, ascending
    g_uS: NDArray[np.float64]  # (column, device) in order of rows
    error_uS: NDArray[np.float64]  # standard error of each, of its reads; NaN where there is one read
    n_reads: NDArray[np.int64]  # (column, device)
    notes: tuple[str, ...]
    said: tuple[str, ...] = ()  # what was read as what


def read_devices(
    path: str | Path,
    design: Design,
    record: Mapping,
    units: Mapping[str, str] | None = None,
    reading: Reading = AS_RECOGNISED,
) -> BenchDevices:
    """Reads the measured conductances of one or more columns of a design.

    Args:
        path: the table.
        design: the design.
        record: its design file.
        units: the unit of a column whose header has none.
        reading: how the file is written, where that was chosen.

    Raises:
        InputError: names the file, and the line where there is one: not such a table, a row that the design does not
            have or that is there twice, a missing row, a negative conductance, targets of another design.
    """
    table = read_measured(path, WANTED, units, reading)
    n_devices = design.n_bias + int(design.n_devices.sum())
    n_columns = design.calibration.n_redundant
    row = _whole(table, "row", n_devices, f"the design has {n_devices} devices in a column")
    if "column" in table.columns:
        column = _whole(table, "column", n_columns, f"the design has {n_columns} column{'s' * (n_columns > 1)}")
    elif n_columns > 1:
        raise InputError(
            f"{path}: has no column `column`, expected it beside `row`, since the design has {n_columns} redundant "
            "columns."
        )
    else:
        column = np.ones_like(row)
    _check_values(table)
    _check_program(table, row, record)
    columns = tuple(int(each) for each in np.unique(column))
    place = np.searchsorted(columns, column) * n_devices + row - 1
    _check_places(table, place, row, column, n_devices, columns)
    count = np.bincount(place, minlength=len(columns) * n_devices)
    g = table.columns["measured"]
    mean_uS = np.bincount(place, g, minlength=len(count)) / count
    spread = np.bincount(place, (g - mean_uS[place]) ** 2, minlength=len(count))
    with np.errstate(divide="ignore", invalid="ignore"):
        error_uS = np.where(count > 1, np.sqrt(spread / (count - 1) / count), np.nan)
    shape = (len(columns), n_devices)
    notes = (*table.notes, *_notes(table, design, columns, mean_uS.reshape(shape)))
    return BenchDevices(
        columns, mean_uS.reshape(shape), error_uS.reshape(shape), count.reshape(shape), notes, table.said
    )


def _whole(table: Measured, name: str, most: int, limit: str) -> NDArray[np.int64]:
    """A column of whole numbers from 1 to `most`."""
    values = table.columns[name]
    wrong = np.flatnonzero((values != np.rint(values)) | (values > most))
    if wrong.size:
        line, value = table.lines[wrong[0]], values[wrong[0]]
        raise InputError(
            f"{table.path}: line {line}: `{name}` must be a whole number from 1 to {most}, since {limit}, but is "
            f"{value:g}."
        )
    return values.astype(np.int64)


def _check_values(table: Measured) -> None:
    g = table.columns["measured"]
    negative = np.flatnonzero(g < 0)
    if negative.size:
        raise InputError(
            f"{table.path}: line {table.lines[negative[0]]}: `measured` must not be negative, but is "
            f"{g[negative[0]]:g} µS."
        )


def _check_program(table: Measured, row: NDArray[np.int64], record: Mapping) -> None:
    """Raises InputError where the file's targets are not those of the design."""
    if "conductance" not in table.columns:
        return
    program = program_columns(record)
    n_devices = max(program["row"])
    wanted = np.array(program["conductance_uS"][:n_devices])[row - 1]
    given = table.columns["conductance"]
    other = np.flatnonzero(np.abs(given - wanted) > _TARGET_DIGITS_uS + 1e-6 * wanted)
    if other.size:
        i = other[0]
        raise InputError(
            f"{table.path}: line {table.lines[i]}: the target of row {row[i]} must be {wanted[i]:.4f} µS as in the "
            f"design, but is {given[i]:.4f} µS: expected the program of this design."
        )


def _check_places(
    table: Measured,
    place: NDArray[np.int64],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    n_devices: int,
    columns: tuple[int, ...],
) -> None:
    """Raises InputError unless every device of each column is there, once or in numbered reads."""
    several = len(columns) > 1
    read = table.columns.get("read")
    keys = np.stack([place, place if read is None else read], axis=1)
    _, first, count = np.unique(keys, axis=0, return_index=True, return_counts=True)
    if (count > 1).any():
        repeated = np.setdiff1d(np.arange(len(keys)), first)[0]
        of = f" of column {column[repeated]}" if several else ""
        expected = "once, or several times with a column `read` that numbers its reads" if read is None else "once"
        named = "" if read is None else f" in read {read[repeated]:g}"
        raise InputError(
            f"{table.path}: line {table.lines[repeated]}: row {row[repeated]}{of} is there twice{named}, expected it "
            f"{expected}."
        )
    missing = np.setdiff1d(np.arange(len(columns) * n_devices), place)
    if missing.size:
        rows = ", ".join(str(each % n_devices + 1) for each in missing[:5]) + (", ..." if missing.size > 5 else "")
        of = f" of column {columns[missing[0] // n_devices]}" if several else ""
        raise InputError(
            f"{table.path}: has no row {rows}{of} ({missing.size} missing), expected all {n_devices} devices of a "
            "column."
        )


def _notes(table: Measured, design: Design, columns: tuple[int, ...], g_uS: NDArray[np.float64]) -> list[str]:
    """What is strange about the values, without any guess at why."""
    notes = []
    largest_uS, n_columns = design.device.g_max_uS, design.calibration.n_redundant
    if len(columns) < n_columns:
        absent = sorted(set(range(1, n_columns + 1)) - set(columns))
        notes.append(f"{table.path}: columns {', '.join(map(str, absent))} of the design are not measured.")
    place, row = np.unravel_index(int(np.argmax(g_uS)), g_uS.shape)
    above = int((g_uS > _SUSPECT_ABOVE * largest_uS).sum())
    if above:
        of = f" of column {columns[place]}" if n_columns > 1 else ""
        notes.append(
            f"{table.path}: row {row + 1}{of} measures {g_uS.max():.4g} µS, far above the device's largest target of "
            f"{largest_uS:g} µS, as {above} in all do: is the unit right?"
        )
    elif g_uS.max() < 0.02 * largest_uS and design.g_target_uS.max() > 0.1 * largest_uS:
        notes.append(
            f"{table.path}: no device measures more than {g_uS.max():.4g} µS, far below the targets, which reach "
            f"{design.g_target_uS.max():.4g} µS: is the unit right?"
        )
    return notes
