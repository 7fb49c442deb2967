"""What a fit asks of its input, and what it says of it."""

from pathlib import Path
from typing import Final

import numpy as np

from rampjax.checks import InputError
from rampjax.interop.device_fit.aged import Aged
from rampjax.interop.device_fit.failed import Failed
from rampjax.interop.device_fit.intervals import LEAST_CLUSTERS
from rampjax.interop.device_fit.lack import Lack, Misfit
from rampjax.interop.device_fit.model import Model
from rampjax.interop.device_fit.rows import Rows
from rampjax.interop.device_fit.sorting import Settled, tells_read
from rampjax.interop.device_fit.stuck import FAR
from rampjax.interop.measured.reader import Measured

_WORTH_SAYING: Final = 0.1  # of the spread: a lack of fit that is smaller is left to the numbers


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


def _missing(table: Measured) -> str:
    missing = [name for name in ("device", "cycle") if name not in table.columns]
    return f"is no column {missing[0]}" if len(missing) == 1 else "are no columns device and cycle"


def fit_notes(table: Measured, rows: Rows, fit: Settled, model: Model, failed: Failed | None, lack: Lack) -> list[str]:
    """What a user should know of a fit, in sentences."""
    path, sorted_ = table.path, fit.sorted
    notes = []
    n_negative = int((rows.measured_uS < 0).sum())
    if n_negative:
        notes.append(f"{path}: {n_negative} measured conductances are below 0; they are taken as noise.")
    if sorted_.outlier.any():
        notes.append(_outlier_note(table, sorted_.outlier, failed))
    if not fit.settled:
        notes.append(
            f"{path}: the sorting out of outliers did not settle: some rows come and go with the spread that is fitted "
            "without them; they are kept, and figures and intervals depend on that."
        )
    if sorted_.many_first:
        notes.append(
            f"{path}: more than 5 % of the first reads are far off, too many for outliers; they are kept, and the "
            "errors are not normal: see the sampler empirical."
        )
    if sorted_.many_aged:
        notes.append(
            f"{path}: of the aged reads many lie beyond {FAR:g} standard deviations; they are how these devices relax, "
            "and are kept: relaxation is not normal, see the sampler empirical."
        )
    if not fit.walks:
        notes.append(
            f"{path}: what devices move between one age and the next is not independent, or follows no logarithm: "
            "the law of relaxation is fitted to what they moved since their first reads, age by age."
        )
    if "time" in table.columns and rows.time_s is None:
        notes.append(f"{path}: all rows are of about one age; they are taken as fresh, and tell no relaxation.")
    if not tells_read(rows, fit.repeats):
        notes.append(_read_note(table, rows, model))
    if rows.named and "cycle" not in table.columns and rows.time_s is not None and rows.one_each:
        notes.append(f"{path}: there is no column cycle: each device is taken as programmed once to each target.")
    n_clusters = len(np.unique(fit.series.cluster))
    if rows.named and n_clusters < LEAST_CLUSTERS:
        notes.append(_few_note(path, n_clusters))
    notes += [f"{path}: {said}" for said in lack_notes(lack)]
    return notes


def aged_notes(path: str, aged: Aged | None) -> list[str]:
    """Where the spread of aged devices stands in the file."""
    if aged is None:
        return []
    ages = ", ".join(f"{age:g}" for age in aged.ages_s[1:])
    return [
        f"{path}: no law of ln t meets the spread of aged devices: the device file has it age by age, at {ages} s "
        "(aged_sigma_uS), and the law is left to the numbers printed here."
    ]


def _outlier_note(table: Measured, outlier: np.ndarray, failed: Failed | None) -> str:
    lines = [int(line) for line in table.lines[outlier][:5]]
    more = ", ..." if outlier.sum() > 5 else ""
    note = (
        f"{table.path}: {int(outlier.sum())} rows are set apart as outliers (lines {', '.join(map(str, lines))}"
        f"{more}): neither stuck nor within {FAR:g} standard deviations."
    )
    if failed is None:
        return note
    share = 100 * failed.n_failed / failed.n_events
    return (
        f"{note} {failed.n_failed} of {failed.n_events} programming events failed by that ({share:.2g} %); the device "
        "fails as often, with an error of its own."
    )


def _read_note(table: Measured, rows: Rows, model: Model) -> str:
    if model.read is not None:
        return (
            f"{table.path}: nothing was read twice at one age: the read noise is told by changes between ages alone, "
            "and is as sure as the law of relaxation."
        )
    known = "are too few repeated reads" if rows.told_events else _missing(table)
    return f"{table.path}: there {known}: the read noise is not known, and is a part of the programming error."


def _few_note(path: str, n_devices: int) -> str:
    if n_devices == 1:
        return (
            f"{path}: all rows are of one device: the intervals are those of its own programming events, and how "
            "devices differ cannot be told."
        )
    return f"{path}: {n_devices} devices are too few to tell intervals, expected at least {LEAST_CLUSTERS}."


def lack_notes(lack: Lack) -> list[str]:
    """What the fitted laws do not meet, in sentences."""
    notes = []
    for name, one in (("mean error", lack.mean), ("standard deviation", lack.sigma)):
        if one is not None and lack.is_sure(one) and _worth_saying(name, one, lack):
            notes.append(
                f"lack of fit: {one.place} the {name} is {one.observed_uS:.3g} µS, the fit has {one.model_uS:.3g} µS "
                f"({abs(one.sure):.2g} standard errors)."
            )
    return notes


def _worth_saying(name: str, one: Misfit, lack: Lack) -> bool:
    off = abs(one.observed_uS - one.model_uS)
    scale = one.model_uS if name != "mean error" or lack.sigma is None else lack.sigma.model_uS
    return off > _WORTH_SAYING * scale
