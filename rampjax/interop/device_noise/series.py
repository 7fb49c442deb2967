"""Reads time series of cells at one rate: a column or a row for each cell, conductances, resistances or currents.

The unit stands in the header of a column (`a1_uS`, `a1 (nA)`) or is given for all. A column `time` says how the samples
lie in time; they must be evenly spaced, and a missing one is refused: a spectrum has no gaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from rampjax.checks import InputError
from rampjax.interop.device_noise.fit import LEAST_SAMPLES
from rampjax.interop.device_noise.lines import Line, columns, distinct, has_text_alone, in_brackets, rows, without_unit
from rampjax.interop.device_noise.spectrum import Floats
from rampjax.interop.measured.numbers import parse_numbers
from rampjax.interop.measured.options import AS_RECOGNISED, Reading
from rampjax.interop.measured.rows import TextTable, read_rows
from rampjax.interop.measured.units import LISTED, UNITS, check_unit, in_quotes

_QUANTITIES: Final = ("conductance", "current")  # a resistance is a conductance in another unit
_SAME_RATE: Final = 0.01
_MOST_RATE_HZ: Final = 1e12
_LARGEST_US: Final = 1e9


@dataclass(frozen=True)
class Layout:
    """How the series stand in a file, and in which unit."""

    rate_Hz: float | None = None  # samples per second; None: as the column of times says
    unit: str | None = None  # of all series; None: as their headers say
    by_rows: bool = False  # a row is a cell, not a column
    n_skipped: int = 0  # leading cells of each row that are no samples; the first is the name
    v_read_V: float | None = None  # where currents are given

    @property
    def kind(self) -> str:
        """What holds the samples of a cell."""
        return "row" if self.by_rows else "column"


@dataclass(frozen=True, eq=False)
class Series:
    """Conductances of cells at even distances of time."""

    path: str
    names: tuple[str, ...]
    g_uS: Floats  # (cell, sample)
    rate_Hz: float
    said: tuple[str, ...]  # what was read as what


def read_series(path: str | Path, layout: Layout, reading: Reading = AS_RECOGNISED) -> Series:
    """Reads the series of a file.

    Args:
        path: the file, as `rampjax.interop.measured.rows` reads it.
        layout: how the series stand in it.
        reading: how it is written, where that is not to be recognised.

    Raises:
        InputError: one sentence: a rate or a unit that is missing, two that differ, samples that are not evenly spaced,
            fewer than 64, a cell that is no number, that does not vary, or whose conductance is out of all bounds.
    """
    _check(layout, reading)
    table, header = read_rows(path, replace(reading, header=False) if layout.by_rows else reading), None
    if layout.by_rows and reading.header and has_text_alone(table.rows[0][1]):
        header, table = table.rows[0][0], replace(table, rows=table.rows[1:])
    if layout.by_rows:
        lines, time = rows(table, layout.n_skipped, reading.columns), None
    else:
        lines, time = columns(table)
    if not lines:
        raise InputError(f"{path}: has no series of a cell, expected a {layout.kind} for each.")
    short = min(lines, key=lambda line: len(line.cells))
    if len(short.cells) < LEAST_SAMPLES:
        hint = "" if layout.by_rows else "; --rows takes a row for a cell"
        raise InputError(
            f"{path}: `{short.name}` has {len(short.cells)} samples, expected at least {LEAST_SAMPLES}{hint}."
        )
    units = _units(path, lines, layout)
    lines = distinct(path, [without_unit(line, unit) for line, unit in zip(lines, units, strict=True)])
    g_uS = np.array([_to_uS(path, line, unit, table.decimal, layout) for line, unit in zip(lines, units, strict=True)])
    rate_Hz = _rate(path, time, table.decimal, layout.rate_Hz)
    return Series(
        str(path), tuple(line.name for line in lines), g_uS, rate_Hz, _said(table, lines, units, time, layout, header)
    )


def _check(layout: Layout, reading: Reading) -> None:
    for name, value, most in (("rate", layout.rate_Hz, _MOST_RATE_HZ), ("v-read", layout.v_read_V, 100.0)):
        if value is not None and not 0 < value <= most:
            raise InputError(f"--{name} must be above 0 and at most {most:g}, but is {value:g}.")
    if layout.n_skipped < 0:
        raise InputError(f"--skip must be at least 0, but is {layout.n_skipped}.")
    if layout.n_skipped and not layout.by_rows:
        raise InputError("--skip has no effect without --rows; --columns leaves out a column named _.")
    if layout.n_skipped and reading.columns is not None:
        raise InputError("--skip has no effect beside --columns, which names the leading cells (_ leaves one out).")
    if layout.unit is not None and (layout.unit not in UNITS or UNITS[layout.unit].quantity not in _QUANTITIES):
        listed = "; ".join(LISTED[quantity] for quantity in _QUANTITIES)
        raise InputError(f"--unit must be one of {listed}, but is {in_quotes(layout.unit)}.")


def _units(path: str | Path, lines: Sequence[Line], layout: Layout) -> list[str]:
    """The unit of each series: that of the header, or of --unit; never two, never guessed."""
    units = []
    for line in lines:
        bracketed = in_brackets(line.name)
        # cell_A may be the cell A: an ending is a unit only where no other is given.
        unit = line.unit if layout.unit is None or bracketed or line.unit == layout.unit else layout.unit
        where = f"{path}: {in_quotes(line.name)}"
        if unit is None:
            raise InputError(f"{where} has no unit, expected --unit, such as --unit uS, or a header such as a1_uS.")
        if unit not in UNITS or UNITS[unit].quantity not in _QUANTITIES:
            check_unit(where, unit, "conductance")
        if layout.unit is not None and UNITS[unit] != UNITS[layout.unit]:
            raise InputError(f"{where} says {unit}, but --unit says {layout.unit}, expected one unit.")
        units.append(unit)
    currents = [unit for unit in units if UNITS[unit].quantity == "current"]
    if currents and layout.v_read_V is None:
        raise InputError(f"{path}: has currents in {currents[0]}, expected --v-read with the voltage they are read at.")
    if not currents and layout.v_read_V is not None:
        raise InputError(f"{path}: --v-read has no effect without currents, but the series are in {units[0]}.")
    return units


def _to_uS(path: str | Path, line: Line, unit: str, decimal: str, layout: Layout) -> Floats:
    """The conductances of one cell."""
    values = parse_numbers(line.cells, decimal, line.named)
    known = UNITS[unit]
    if known.inverse:
        wrong = np.flatnonzero(values <= 0)
        if wrong.size:
            raise InputError(f"{line.named(int(wrong[0]))} must be above 0 {unit}, but is {values[wrong[0]]:g} {unit}.")
        g_uS = known.factor / (values * known.divisor)
    else:
        voltage_V = (known.quantity == "current" and layout.v_read_V) or 1.0
        g_uS = values * known.factor / known.divisor / voltage_V
    if not np.abs(g_uS).max() <= _LARGEST_US:
        worst = int(np.argmax(np.abs(g_uS)))
        raise InputError(f"{line.named(worst)} must be at most {_LARGEST_US:g} µS, but is {g_uS[worst]:g} µS.")
    if np.ptp(g_uS) <= 1e-12 * np.abs(g_uS).max():
        raise InputError(f"{path}: `{line.name}` is the same in all samples, expected the noise of a cell.")
    return g_uS


def _rate(path: str | Path, time: Line | None, decimal: str, given_Hz: float | None) -> float:
    """Samples per second."""
    if time is None:
        if given_Hz is None:
            raise InputError(f"{path}: has no column of times, expected --rate with the samples per second.")
        return given_Hz
    unit = time.unit
    if unit is None:
        raise InputError(f"{path}: {in_quotes(time.name)} has no unit, expected a header such as time_s.")
    check_unit(f"{path}: {in_quotes(time.name)}", unit, "time")
    time_s = parse_numbers(time.cells, decimal, time.named) * UNITS[unit].factor / UNITS[unit].divisor
    steps_s = np.diff(time_s)
    mean_s = float(time_s[-1] - time_s[0]) / len(steps_s)
    # Times may be rounded to half a step, but no sample may be missing.
    uneven = np.flatnonzero(np.abs(steps_s - mean_s) > 0.5 * abs(mean_s))
    if not mean_s > 0 or uneven.size:
        first = int(uneven[0]) + 1 if uneven.size else 1
        raise InputError(
            f"{time.named(first)} must be one step of {mean_s:.4g} s after the line before, but is "
            f"{steps_s[first - 1]:.4g} s after it: samples must be evenly spaced, without a gap."
        )
    rate_Hz = 1.0 / mean_s
    if given_Hz is not None and abs(rate_Hz / given_Hz - 1) > _SAME_RATE:
        raise InputError(f"{path}: has {rate_Hz:.4g} samples per second by its times, but --rate says {given_Hz:g}.")
    return rate_Hz if given_Hz is None else given_Hz


def _said(
    table: TextTable, lines: Sequence[Line], units: Sequence[str], time: Line | None, layout: Layout, header: int | None
) -> tuple[str, ...]:
    """Sentences on what was read as what."""
    n_cells = len(lines)
    each = f"{n_cells} cell{'s' * (n_cells != 1)}, a {layout.kind} each, of {len(lines[0].cells)} samples"
    listed = ", ".join(dict.fromkeys(units))
    voltage = f" at {layout.v_read_V:g} V" if layout.v_read_V is not None else ""
    more = [f"line {header} has no number and is left out"] if header is not None else []
    more += [f"the first {layout.n_skipped} cells of each are no samples"] if layout.n_skipped else []
    more += [f"times from {in_quotes(time.name)}"] if time is not None else []
    return table.said, f"{table.path}: {'; '.join([f'{each}, in {listed}{voltage}', *more])}"
