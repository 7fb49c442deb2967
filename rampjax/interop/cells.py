"""Measured cells from a table of reads: one row per cell and age, grouped by cell, for `circuit.cells`."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.circuit.cells import MeasuredCells
from rampjax.config.cells_section import CellsConfig
from rampjax.config.reading import reading
from rampjax.interop.device_fit.table import read_table
from rampjax.interop.measured.options import Reading, parse_reading

_EXPECTED: Final = "expected a table of measured cells"


def read_cells(path: Path, config: CellsConfig) -> MeasuredCells:
    """Reads the cells that a device file names.

    Args:
        path: the file.
        config: what the device file says of it.

    Raises:
        InputError: one sentence with the file: not the file that the device names, or not such a table.
    """
    with reading(path, _EXPECTED):
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != config.sha256:
        raise InputError(
            f"{path}: is not the file that the device names: its SHA-256 is {found}, expected {config.sha256} "
            "(`cells.sha256`)."
        )
    return _read(path, config)


@lru_cache(maxsize=8)
def _read(path: Path, config: CellsConfig) -> MeasuredCells:
    table = read_table(path, reading=_reading(path, config))
    try:
        return group_cells(table.columns, config.file, config.window_uS)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _reading(path: Path, config: CellsConfig) -> Reading:
    try:
        return parse_reading(config.sep, config.decimal, not config.header, config.columns)
    except InputError as error:
        sentence = str(error)
        for key in ("sep", "decimal", "columns"):
            sentence = sentence.replace(f"--{key}", f"`cells.{key}`")
        raise InputError(f"The device file that names {path}: {sentence}") from None


def group_cells(columns: Mapping[str, NDArray], name: str, window_uS: float = 0.0) -> MeasuredCells:
    """Groups reads by the programming event that they are of: a cell, or a cycle of it where cycles are told.

    Reads of one event at one age are averaged.

    Args:
        columns: by name, one value per read: `target` and `measured` (µS), maybe `device`, `cycle`, `time` (s). Without
            devices every read is a cell of its own.
        name: what the cells are called.
        window_uS: see `MeasuredCells`.

    Raises:
        InputError: ages without devices, or a cell with two targets in one programming event.
    """
    target_uS = columns["target"]
    time_s = columns.get("time", np.zeros(len(target_uS)))
    if "device" not in columns and np.ptp(time_s) > 0:
        raise InputError("has reads at several ages but no column `device`, which tells the reads of one cell.")
    device = columns.get("device", np.arange(len(target_uS)))
    cycle = columns.get("cycle", np.zeros(len(target_uS)))
    event = _numbers(np.stack([_numbers(device), _numbers(cycle)], axis=1))
    order = np.lexsort((time_s, event))
    event, target_uS, time_s, g_uS = (each[order] for each in (event, target_uS, time_s, columns["measured"]))
    same = event[1:] == event[:-1]
    wrong = np.flatnonzero(same & (target_uS[1:] != target_uS[:-1]))
    if len(wrong):
        cell, row = device[order][wrong[0]], wrong[0]
        raise InputError(
            f"cell {cell} has two targets, {target_uS[row]:g} and {target_uS[row + 1]:g} µS, expected one for all its "
            "reads, or a column `cycle`."
        )
    read = np.cumsum(np.concatenate([[True], ~same | (time_s[1:] != time_s[:-1])])) - 1
    first = np.flatnonzero(np.diff(read, prepend=-1))
    g_uS = np.bincount(read, g_uS) / np.bincount(read)
    event, time_s = event[first], time_s[first]
    begins = np.flatnonzero(np.diff(event, prepend=-1))
    place = np.arange(len(event)) - begins[event]
    shape = (len(begins), int(place.max()) + 1)
    ages, reads = np.full(shape, np.nan), np.full(shape, np.nan)
    ages[event, place], reads[event, place] = time_s, g_uS
    return MeasuredCells(target_uS[first][begins], ages, reads, name, window_uS)


def _numbers(values: NDArray) -> NDArray[np.intp]:
    """Numbers the distinct values, or rows, from 0."""
    axis = 0 if values.ndim > 1 else None
    found: NDArray[np.intp] = np.unique(values, axis=axis, return_inverse=True)[1].reshape(-1)
    return found
