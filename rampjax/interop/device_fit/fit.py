"""Fits a device to measured conductances: mean and spread of the error, stuck cells, read noise, relaxation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from rampjax.checks import InputError, check_between
from rampjax.interop.device_fit.aged import Aged, aged_spread, law_is_off
from rampjax.interop.device_fit.checks import aged_notes, check_choice, fit_notes, read_voltage, target_range
from rampjax.interop.device_fit.choice import FORMS
from rampjax.interop.device_fit.curves import GRID, FittedCurve
from rampjax.interop.device_fit.drawn import Drawn, drawn_curves, drawn_errors
from rampjax.interop.device_fit.failed import Failed, failed_writes
from rampjax.interop.device_fit.intervals import Estimates, estimates
from rampjax.interop.device_fit.lack import Lack, lack_of_fit
from rampjax.interop.device_fit.model import MANY_READS, Model, fit_model
from rampjax.interop.device_fit.normality import Normality, check_normality
from rampjax.interop.device_fit.plausible import check_follows, plausible_notes
from rampjax.interop.device_fit.rows import Rows, make_rows
from rampjax.interop.device_fit.series import Floats, Series
from rampjax.interop.device_fit.sorting import LEAST_ROWS, Settled, fit_sorted
from rampjax.interop.device_fit.stuck import Sorted, Stuck, not_found
from rampjax.interop.device_fit.table import read_table
from rampjax.interop.measured.reader import AS_RECOGNISED, Reading

SAMPLERS: Final = ("parametric", "empirical")
MAX_SEED: Final = 2**63 - 1
LONG: Final = MANY_READS  # rows of which a fit takes long enough to say how far it is


@dataclass(frozen=True, eq=False)
class DeviceFit:
    """A device as fitted. Conductances in µS; relaxation as (at 1 s, per ln t), from the age `rows.t0_s` on."""

    path: str
    rows: Rows
    sorted: Sorted
    settled: bool  # whether the sorting out of outliers came to an end
    walks: bool  # relaxation is fitted to changes between ages; else to what devices moved since their first reads
    n_events: int
    model: Model
    chosen_by: str
    g_unit_uS: float
    g_min_uS: float
    g_max_uS: float
    v_read_V: float | None
    v_read_source: str
    bias: FittedCurve
    sigma: FittedCurve
    error_sigma_uS: Floats  # of a first error, read noise and relaxation included, on the curves' grid
    read: FittedCurve | None
    relax_mean: tuple[FittedCurve, FittedCurve] | None
    relax_sigma: tuple[FittedCurve, FittedCurve] | None
    aged: Aged | None  # the spread age by age, which stands in the file in place of the law that misses it
    failed: Failed | None
    stuck_off: Stuck | None
    stuck_on: Stuck | None
    stuck_not_found: tuple[Stuck | None, Stuck | None]  # off and on, of those that are None; None: cannot be told
    drawn: Drawn | None
    normality: Normality | None
    lack: Lack
    notes: tuple[str, ...]
    said: tuple[str, ...] = ()  # what was read as what


def fit_device(
    path: str | Path,
    units: Mapping[str, str] | None = None,
    *,
    form: str = "auto",
    sampler: str = "parametric",
    v_read_V: float | None = None,
    g_min_uS: float | None = None,
    g_max_uS: float | None = None,
    seed: int = 1,
    reading: Reading = AS_RECOGNISED,
    told: Callable[[str], None] | None = None,
) -> DeviceFit:
    """Fits a device to a table of measured conductances.

    Args:
        path: a table of measured conductances with their targets (`device_fit.table`).
        units: of columns whose headers do not say them.
        form: how mean and spread depend on the conductance, one of `choice.FORMS`.
        sampler: parametric (normal errors) or empirical (errors distributed as the measured ones).
        v_read_V: the read voltage, where the file does not say it.
        g_min_uS: smallest target of the device; None: the smallest measured one.
        g_max_uS: largest target of the device; None: the largest measured one.
        seed: of the bootstrap.
        reading: how the file is written, where that was chosen.
        told: called with how far a long fit has come.

    Raises:
        InputError: a file that cannot be read as such a table, or from which this cannot be fitted.
    """
    check_choice("form", form, FORMS)
    check_choice("sampler", sampler, SAMPLERS)
    check_between("seed", seed, 0, MAX_SEED)
    table = read_table(path, units, reading)
    if table.n_rows < LEAST_ROWS:
        raise InputError(f"{path}: must have at least {LEAST_ROWS} rows, but has {table.n_rows}.")
    check_follows(table)
    v_read_V, v_source = read_voltage(table, v_read_V)
    low_uS, high_uS = float(table.columns["target"].min()), float(table.columns["target"].max())
    ends = target_range(g_min_uS, g_max_uS, low_uS, high_uS)
    rows, rng = make_rows(table.columns), np.random.default_rng(seed)
    told = told if table.n_rows > LONG else None
    if told is not None:
        told(f"{table.n_rows} rows: rows are sorted and forms tried, which takes a minute or more")
    try:
        fit = fit_sorted(rows, form)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not fit.model.is_positive:
        raise InputError(
            f"{path}: a spread of the form `{form}` would fall below 0 within the targets, expected another --form."
        )
    model, found = _estimated(rows, fit, rng, told)
    series, sorted_ = fit.series, fit.sorted
    failed, drawn = failed_writes(rows, sorted_), None
    bias, sigma = found.bias, found.sigma
    lack = lack_of_fit(rows, sorted_, model)
    aged = aged_spread(rows, sorted_, model) if found.relax_sigma and law_is_off(lack) else None
    if sampler == "empirical":
        drawn = drawn_errors(path, rows, sorted_, model, failed is not None, pooled=aged is not None)
        bias, sigma = drawn_curves(bias, sigma, drawn)
    off, on = _levels(sorted_, rows)
    return DeviceFit(
        path=str(path),
        rows=rows,
        sorted=sorted_,
        settled=fit.settled,
        walks=fit.walks,
        n_events=len(np.unique(rows.event[sorted_.kept])),
        model=model,
        chosen_by="the user" if form in ("constant", "affine", "points") else "cross-validation",
        g_unit_uS=rows.span.unit_uS,
        g_min_uS=ends[0],
        g_max_uS=ends[1],
        v_read_V=v_read_V,
        v_read_source=v_source,
        bias=bias,
        sigma=sigma,
        error_sigma_uS=_error_sigma(series, model, sigma),
        read=found.read,
        relax_mean=found.relax_mean,
        relax_sigma=found.relax_sigma,
        aged=aged,
        failed=failed,
        stuck_off=off,
        stuck_on=on,
        stuck_not_found=not_found(rows, sorted_),
        drawn=drawn,
        normality=check_normality(series, model, rng),
        lack=lack,
        notes=(
            *table.notes,
            *plausible_notes(table, ~sorted_.kept, sorted_.stuck),
            *fit_notes(table, rows, fit, model, failed, lack),
            *aged_notes(str(path), aged),
        ),
        said=table.said,
    )


def _estimated(
    rows: Rows, fit: Settled, rng: np.random.Generator, told: Callable[[str], None] | None
) -> tuple[Model, Estimates]:
    """The fit with its intervals. Read noise that nothing read twice tells is claimed only where it is surely there."""
    model, ln_1s = fit.model, float(-np.log(rows.t0_s))
    found = estimates(fit.series, fit.repeats, model, rows.span, ln_1s, rng, told)
    if not model.form.read or (found.read is not None and found.read.middle.low > 0):
        return model, found
    plain = fit_model(fit.series, replace(model.form, read=False))
    own = estimates(fit.series, fit.repeats, plain, rows.span, ln_1s, rng, told)
    # What a read noise would take from the others belongs to their intervals.
    sigma = own.sigma.with_limits(found.sigma.low_uS, found.sigma.high_uS)
    spread = own.relax_sigma
    if spread is not None and found.relax_sigma is not None:
        first, second = (
            mine.with_limits(other.low_uS, other.high_uS) for mine, other in zip(spread, found.relax_sigma, strict=True)
        )
        spread = (first, second)
    return plain, replace(own, sigma=sigma, relax_sigma=spread)


def _error_sigma(series: Series, model: Model, sigma: FittedCurve) -> Floats:
    """Standard deviation of a typical first error over the grid, µS."""
    first = series.first()
    ln_t, aged, n = (np.full(len(GRID), np.median(each)) for each in (first.ln_t, first.aged, first.n))
    beside = model.sigma_at(GRID, ln_t, aged, n) ** 2 - model.form.sigma.at(model.sigma, GRID) ** 2
    return np.sqrt(sigma.value_uS**2 + np.maximum(beside, 0.0))


def _levels(sorted_: Sorted, rows: Rows) -> tuple[Stuck | None, Stuck | None]:
    """The levels at which cells are stuck, as OFF and ON."""
    levels = sorted_.levels
    if len(levels) == 2:
        return levels[0], levels[1]
    if not levels:
        return None, None
    is_off = levels[0].g_uS < np.median(rows.target_uS)
    return (levels[0], None) if is_off else (None, levels[0])
