"""Reads what was measured of a real converter: a transfer curve, or how often each code came up.

A transfer curve has one conversion in a line (input, code), or many (input, code, code, ...), which follow each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.interop.measured.reader import AS_RECOGNISED, Measured, Reading, Wanted, read_measured

_MOST_COUNTS: Final = 1e12
WANTED: Final = (
    Wanted("code", "number", low=0, repeats=True),
    Wanted("x", "number", required=False, aliases=("input",)),
    Wanted("v", "voltage", required=False, aliases=("v_in", "vin", "v_mac")),
    Wanted("count", "number", required=False, aliases=("counts",), low=0, high=_MOST_COUNTS),
)


@dataclass(frozen=True, eq=False)
class TransferCurve:
    """Conversions: an input and the code that came of it, each; inputs may be repeated."""

    x: NDArray[np.float64]
    codes: NDArray[np.int64]
    notes: tuple[str, ...]
    said: tuple[str, ...] = ()  # what was read as what


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often each code came up, 0 where it never did."""

    counts: NDArray[np.float64]  # (M,)
    notes: tuple[str, ...]
    said: tuple[str, ...] = ()  # what was read as what


def read_conversions(
    path: str | Path, design: Design, units: Mapping[str, str] | None = None, reading: Reading = AS_RECOGNISED
) -> TransferCurve | Histogram:
    """Reads a table of conversions: `x` or `v` and one or more of `code`, or `code` and `count`.

    Args:
        path: the table.
        design: gives the codes, and the volts per unit of x.
        units: the unit of `v` where its header has none.
        reading: how the file is written, where that was chosen.

    Raises:
        InputError: names the file, and the line where there is one: not such a table, both kinds in one, a code that
            the converter does not have, a code twice in a histogram, a count that is not whole, nothing counted.
    """
    table = read_measured(path, WANTED, units, reading)
    inputs = [name for name in ("x", "v") if name in table.columns]
    if len(inputs) + ("count" in table.columns) != 1:
        found = [*inputs, *(["count"] if "count" in table.columns else [])]
        have = "has " + " and ".join(f"`{name}`" for name in found) if found else "has none of them"
        raise InputError(
            f"{path}: must have one of the columns `x`, `v` (both: a transfer curve) and `count` (a histogram) beside "
            f"`code`, but {have}."
        )
    codes = _codes(table, 2**design.target.bits)
    if not inputs:
        return _histogram(table, codes, 2**design.target.bits)
    x = table.columns["x"] if inputs == ["x"] else table.columns["v"] / design.scale_V
    if len(np.unique(x)) < 2:
        raise InputError(f"{path}: must have at least two different inputs, but has one.")
    return TransferCurve(x, codes, table.notes, table.said)


def _codes(table: Measured, n_codes: int) -> NDArray[np.int64]:
    codes = table.columns["code"]
    wrong = np.flatnonzero((codes != np.rint(codes)) | (codes > n_codes - 1))
    if wrong.size:
        raise InputError(
            f"{table.path}: line {table.lines[wrong[0]]}: `code` must be a whole number from 0 to {n_codes - 1}, as "
            f"the design has, but is {codes[wrong[0]]:g}."
        )
    return codes.astype(np.int64)


def _histogram(table: Measured, codes: NDArray[np.int64], n_codes: int) -> Histogram:
    if len(np.unique(table.lines)) < table.n_rows:
        raise InputError(f"{table.path}: has several codes in a row of a histogram, expected one beside its `count`.")
    counts = table.columns["count"]
    wrong = np.flatnonzero(counts != np.rint(counts))
    if wrong.size:
        raise InputError(
            f"{table.path}: line {table.lines[wrong[0]]}: `count` must be a whole number, but is {counts[wrong[0]]:g}."
        )
    _, first = np.unique(codes, return_index=True)
    if len(first) < len(codes):
        twice = np.setdiff1d(np.arange(len(codes)), first)[0]
        raise InputError(
            f"{table.path}: line {table.lines[twice]}: code {codes[twice]} is there twice, expected it once."
        )
    if not counts.any():
        raise InputError(f"{table.path}: must count at least one conversion, but all counts are 0.")
    notes = table.notes
    if len(codes) < n_codes:
        absent = n_codes - len(codes)
        said = "1 code has" if absent == 1 else f"{absent} codes have"
        notes = (*notes, f"{table.path}: {said} no row: taken as never seen.")
    return Histogram(np.asarray(np.bincount(codes, counts, minlength=n_codes), np.float64), notes, table.said)
