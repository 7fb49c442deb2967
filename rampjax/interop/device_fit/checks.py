"""What a fit asks of its input, and what it says of it."""

from pathlib import Path
from typing import Final

import numpy as np

from rampjax.checks import InputError
from rampjax.interop.device_fit.model import Form
from rampjax.interop.device_fit.rows import Repeats, Rows
from rampjax.interop.device_fit.stuck import Sorted
from rampjax.interop.measured.reader import Measured

LEAST_REPEATS: Final = 8  # degrees of freedom of the read noise


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raises InputError unless a word is one of those known."""
    if value not in known:
        raise InputError(f"`{name}` must be one of {', '.join(f'`{one}`' for one in known)}, but is {value}.")


def read_voltage(table: Measured, given_V: float | None) -> tuple[float | None, str]:
    """The read voltage and where it is from."""
    if given_V is not None and not 0 < given_V <= 100:
        raise InputError(f"The read voltage must be above 0 and at most 100 V, but is {given_V:g} V.")
    column = table.columns.get("v_read")
    if column is None:
        return given_V, "set by the user"
    low, high = float(column.min()), float(column.max())
    if not (low > 0 and high - low <= 1e-3 * high):
        raise InputError(
            f"{table.path}: `v_read` must be one voltage above 0 in all rows, but goes from {low:g} to {high:g} V; "
            "fit each read voltage by itself."
        )
    middle = float(np.median(column))
    if given_V is not None and abs(given_V - middle) > 1e-3 * middle:
        raise InputError(f"{table.path}: `v_read` is {middle:g} V, but {given_V:g} V is given, expected one of them.")
    return middle, f"{Path(table.path).name}: column v_read"


def target_range(low: float | None, high: float | None, low_uS: float, high_uS: float) -> tuple[float, float]:
    """The range of targets, inside that of the measured ones."""
    ends = (low_uS if low is None else low, high_uS if high is None else high)
    for name, end in zip(("g_min_uS", "g_max_uS"), ends, strict=True):
        if not low_uS <= end <= high_uS:
            raise InputError(
                f"`{name}` must lie within the measured targets, {low_uS:g} to {high_uS:g} µS, but is {end:g} µS: "
                "beyond them nothing is known."
            )
    if ends[0] >= ends[1] and low_uS < high_uS:
        raise InputError(f"`g_min_uS` must be below `g_max_uS`, but they are {ends[0]:g} and {ends[1]:g} µS.")
    return ends


def tells_read(rows: Rows, repeats: Repeats) -> bool:
    """Whether repeated reads tell the read noise."""
    return rows.told_events and float(repeats.freedom.sum()) >= LEAST_REPEATS


def _missing(table: Measured) -> str:
    missing = [name for name in ("device", "cycle") if name not in table.columns]
    return f"is no column {missing[0]}" if len(missing) == 1 else "are no columns device and cycle"


def fit_notes(table: Measured, rows: Rows, sorted_: Sorted, form: Form, repeats: Repeats) -> list[str]:
    """What a user should know of a fit, in sentences."""
    notes = []
    path = table.path
    n_negative = int((rows.measured_uS < 0).sum())
    if n_negative:
        notes.append(f"{path}: {n_negative} measured conductances are below 0; they are taken as noise.")
    if sorted_.outlier.any():
        lines = [int(line) for line in table.lines[sorted_.outlier][:5]]
        more = ", ..." if sorted_.outlier.sum() > 5 else ""
        notes.append(
            f"{path}: {int(sorted_.outlier.sum())} rows are set apart as outliers (lines {', '.join(map(str, lines))}"
            f"{more}): neither stuck nor within 4.5 standard deviations."
        )
    if sorted_.many_outliers:
        notes.append(
            f"{path}: more than 5 % of the rows are far off, too many for outliers; they are kept, and the errors are "
            "not normal: see the sampler empirical."
        )
    if "time" in table.columns and rows.time_s is None:
        notes.append(f"{path}: all rows are of about one age; they are taken as fresh, and tell no relaxation.")
    if not tells_read(rows, repeats) and not form.read:
        known = "are too few repeated reads" if rows.told_events else _missing(table)
        notes.append(f"{path}: there {known}: the read noise is not known, and is a part of the programming error.")
    return notes
