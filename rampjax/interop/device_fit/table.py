"""The measured table of a fit: its columns, what the targets were, and which device a row is of.

Targets come in one of three forms: a column `target`; a window from `target_low` to `target_high`, whose middle is the
target; or a `level` that the devices were programmed to, whose target is the median of its youngest reads.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.interop.measured.reader import AS_RECOGNISED, Measured, Reading, Wanted, read_measured
from rampjax.interop.measured.units import UNITS

COLUMNS: Final = (
    Wanted(
        "target",
        "conductance",
        required=False,
        aliases=("g_target", "target_conductance", "r_target", "target_resistance"),
        low=0.0,
    ),
    Wanted("target_low", "conductance", required=False, aliases=("window_low",), low=0.0),
    Wanted("target_high", "conductance", required=False, aliases=("window_high",), low=0.0),
    Wanted("level", "label", required=False),
    Wanted(
        "measured",
        "conductance",
        aliases=(
            "g_measured",
            "measured_conductance",
            "r_measured",
            "measured_resistance",
            "g",
            "conductance",
            "r",
            "resistance",
        ),
    ),
    Wanted("time", "time", required=False, aliases=("age",), low=0.0),
    Wanted("cycle", "number", required=False),
    Wanted("device", "label", required=False),
    Wanted("row", "label", required=False),
    Wanted("column", "label", required=False),
    Wanted("v_read", "voltage", required=False),
)
_FEW: Final = 8  # youngest reads of a level, of which a median says little


def read_table(path: str | Path, units: Mapping[str, str] | None = None, reading: Reading = AS_RECOGNISED) -> Measured:
    """Reads the table of a fit.

    Args:
        path: the table.
        units: of columns whose headers do not say them.
        reading: how the file is written, where that was chosen.

    Returns:
        The table with the columns `target`, `measured` and, where the file has them, `time`, `cycle`, `device` and
        `v_read`; `window`, half the width of a target's window in µS, where the file has windows.

    Raises:
        InputError: a file that cannot be read as such a table; without targets, or with two forms of them.
    """
    table = _with_device(read_measured(path, COLUMNS, units, reading))
    has_window = "target_low" in table.columns or "target_high" in table.columns
    if "target" in table.columns:
        if has_window:
            raise InputError(
                f"{path}: has both `target` and a window, expected one of them; --columns can leave a column out."
            )
        return _without(table, "level", "the targets are those of `target`")
    if has_window:
        return _without(_from_window(table), "level", "the targets are the middles of the windows")
    if "level" in table.columns:
        return _from_levels(table)
    raise InputError(
        f"{path}: has no column `target_uS`, expected it, or `target_low_uS` and `target_high_uS`, or `level`, beside "
        "`measured`."
    )


def _with_device(table: Measured) -> Measured:
    """Makes row and column of an array, and the device that they are beside, one label."""
    places = [name for name in ("row", "column") if name in table.columns]
    if len(places) == 1:
        other = "column" if places == ["row"] else "row"
        return _without(table, places[0], f"there is no `{other}`, with which it would be a device")
    if not places:
        return table
    parts = [name for name in ("device", "row", "column") if name in table.columns]
    device = np.empty(table.n_rows, dtype=object)
    device[:] = ["/".join(labels) for labels in zip(*(table.columns[name] for name in parts), strict=True)]
    said = f"{table.path}: {'/'.join(parts)} as the device, {len(set(device))} in all"
    table = replace(table, said=(*table.said, said))
    return _changed(table, {"device": device}, ("row", "column"))


def _from_window(table: Measured) -> Measured:
    """Takes the middle of each window as its target; resistances come in the reverse order of conductances."""
    for name in ("target_low", "target_high"):
        if name not in table.columns:
            raise InputError(f"{table.path}: has one end of a window only, expected a column `{name}_uS` too.")
    low, high = table.columns["target_low"], table.columns["target_high"]
    inverse = [UNITS[table.units[name]].inverse for name in ("target_low", "target_high")]
    if inverse[0] != inverse[1]:
        raise InputError(f"{table.path}: has one end of a window in ohms and one in siemens, expected one of them.")
    if inverse[0]:
        low, high = high, low
    wrong = np.flatnonzero(low >= high)
    if wrong.size:
        raise InputError(
            f"{table.path}: line {table.lines[wrong[0]]}: `target_low` must be below `target_high`, but the window is "
            f"from {low[wrong[0]]:g} to {high[wrong[0]]:g} µS."
        )
    window = (high - low) / 2
    said = (
        f"{table.path}: targets are the middles of windows from target_low to target_high, in µS, of half widths "
        f"from {window.min():g} to {window.max():g} µS"
    )
    table = replace(table, said=(*table.said, said))
    return _changed(table, {"target": (low + high) / 2, "window": window}, ("target_low", "target_high"))


def _from_levels(table: Measured) -> Measured:
    """Takes the median of the youngest reads of each level as its target."""
    levels, level = np.unique(table.columns["level"].astype(str), return_inverse=True)
    measured = table.columns["measured"]
    age = table.columns.get("time", np.zeros(table.n_rows))
    youngest = np.full(len(levels), np.inf)
    np.minimum.at(youngest, level, age)
    young = age == youngest[level]
    medians = np.array([np.median(measured[young & (level == i)]) for i in range(len(levels))])
    count = np.bincount(level[young], minlength=len(levels))
    notes = [_levels_note(table, youngest, count)]
    if (count < _FEW).any():
        notes.append(
            f"{table.path}: {int((count < _FEW).sum())} levels have fewer than {_FEW} such reads "
            f"({_some(levels[count < _FEW])}): their targets are not known well."
        )
    if (medians < 0).any():
        notes.append(
            f"{table.path}: the median of level {_some(levels[medians < 0])} is below 0; the target is taken as 0."
        )
    said = f"{table.path}: targets are the medians of {len(levels)} levels, from {medians.min():g} to "
    said += f"{medians.max():g} µS"
    table = replace(table, said=(*table.said, said), notes=(*table.notes, *notes))
    return _changed(table, {"target": np.maximum(medians, 0.0)[level]}, ("level",))


def _levels_note(table: Measured, youngest: NDArray[np.float64], count: NDArray[np.int64]) -> str:
    reads = f"{count.min()}" if count.min() == count.max() else f"{count.min()} to {count.max()}"
    if "time" not in table.columns:
        of = f"all its reads ({reads})"
    else:
        low, high = youngest.min(), youngest.max()
        of = f"its youngest reads ({reads}, at {low:g}{'' if low == high else f' to {high:g}'} s)"
    return (
        f"{table.path}: there is no target: that of each of the {len(youngest)} levels is the median of {of}, so that "
        "an error that all devices of a level share does not show."
    )


def _without(table: Measured, name: str, why: str) -> Measured:
    """Leaves a column out, and says why, where it is there."""
    if name not in table.columns:
        return table
    note = f"{table.path}: the column `{name}` is not used: {why}."
    return _changed(replace(table, notes=(*table.notes, note)), {}, (name,))


def _changed(table: Measured, new: Mapping[str, NDArray], gone: tuple[str, ...]) -> Measured:
    return replace(table, columns={**{k: v for k, v in table.columns.items() if k not in gone}, **new})


def _some(names: NDArray) -> str:
    return ", ".join(names[:8].tolist()) + (", ..." if len(names) > 8 else "")
