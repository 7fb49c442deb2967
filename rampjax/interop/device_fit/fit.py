"""Fits a device to measured conductances: programming error, read noise, stuck cells, relaxation, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from rampjax.checks import InputError, check_between
from rampjax.interop.device_fit.checks import (
    LEAST_REPEATS,
    check_choice,
    fit_notes,
    read_voltage,
    target_range,
    tells_read,
)
from rampjax.interop.device_fit.choice import FORMS, choose_form, choose_read, degrees, is_positive
from rampjax.interop.device_fit.drawn import Drawn, drawn_errors
from rampjax.interop.device_fit.intervals import GRID, Estimate, FittedCurve, estimates
from rampjax.interop.device_fit.model import Floats, Form, Model, Observations, fit_model
from rampjax.interop.device_fit.normality import Normality, check_normality
from rampjax.interop.device_fit.plausible import check_follows, plausible_notes
from rampjax.interop.device_fit.rows import Repeats, Rows, each_row, make_rows, observe
from rampjax.interop.device_fit.stuck import Sorted, Stuck, not_found, rough_scale, sort_rows
from rampjax.interop.device_fit.table import read_table
from rampjax.interop.measured.reader import AS_RECOGNISED, Reading

SAMPLERS: Final = ("parametric", "empirical")
LEAST_ROWS: Final = 8
MAX_SEED: Final = 2**63 - 1
_MOST_ROUNDS = 8


@dataclass(frozen=True, eq=False)
class DeviceFit:
    """A device as fitted. Curves are in powers of g / g_unit_uS, conductances in µS."""

    path: str
    rows: Rows
    sorted: Sorted
    n_events: int
    form: Form
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
    relax_mean: tuple[Estimate, Estimate] | None
    relax_sigma: tuple[Estimate, Estimate] | None
    stuck_off: Stuck | None
    stuck_on: Stuck | None
    stuck_not_found: tuple[Stuck | None, Stuck | None]  # off and on, of those that are None; None: cannot be told
    drawn: Drawn | None
    normality: Normality | None
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
) -> DeviceFit:
    """Fits a device to a table of measured conductances.

    Args:
        path: a table of measured conductances with their targets (`device_fit.table`).
        units: of columns whose headers do not say them.
        form: how mean and spread depend on the conductance: auto, constant, affine or polynomial.
        sampler: parametric (normal errors) or empirical (errors distributed as the measured ones).
        v_read_V: the read voltage, where the file does not say it.
        g_min_uS: smallest target of the device; None: the smallest measured one.
        g_max_uS: largest target of the device; None: the largest measured one.
        seed: of folds and bootstrap.
        reading: how the file is written, where that was chosen.

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
    try:
        chosen, model, sorted_ = _fit(rows, form, rng)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not is_positive(model):
        raise InputError(
            f"{path}: a spread of the form `{form}` would fall below 0 within the targets, expected another --form."
        )
    seen, repeats = observe(rows, sorted_.kept)
    found = estimates(seen, repeats, chosen, model, (low_uS, high_uS), rng)
    drawn = None
    if sampler == "empirical":
        drawn = drawn_errors(path, rows, sorted_, model)
        bias, sigma = found.bias.plus(found.sigma, drawn.mean), found.sigma.times(drawn.scale)
        found = replace(found, bias=bias, sigma=sigma)
    off, on = _levels(sorted_, rows)
    return DeviceFit(
        path=str(path),
        rows=rows,
        sorted=sorted_,
        n_events=int(seen.first.sum()),
        form=chosen,
        chosen_by="cross-validation" if form in ("auto", "polynomial") else "the user",
        g_unit_uS=found.sigma.g_unit_uS,
        g_min_uS=ends[0],
        g_max_uS=ends[1],
        v_read_V=v_read_V,
        v_read_source=v_source,
        bias=found.bias,
        sigma=found.sigma,
        error_sigma_uS=_error_sigma(seen, model, found.sigma),
        read=found.read,
        relax_mean=found.relax_mean,
        relax_sigma=found.relax_sigma,
        stuck_off=off,
        stuck_on=on,
        stuck_not_found=not_found(rows, sorted_),
        drawn=drawn,
        normality=check_normality(seen, chosen, model, rng),
        notes=(
            *table.notes,
            *plausible_notes(table, ~sorted_.kept, sorted_.stuck),
            *fit_notes(table, rows, sorted_, chosen, repeats),
        ),
        said=table.said,
    )


def _fit(rows: Rows, form: str, rng: np.random.Generator) -> tuple[Form, Model, Sorted]:
    """Sorts rows and fits in turn, until no row changes its kind."""
    sorted_, each = sort_rows(rows, *rough_scale(rows), at_first=True), each_row(rows)
    model: Model | None = None
    chosen: Form | None = None
    for _ in range(_MOST_ROUNDS):
        n_left = len(np.unique(rows.event[sorted_.kept]))
        if n_left < LEAST_ROWS:
            raise InputError(f"only {n_left} programming events are left to fit, expected at least {LEAST_ROWS}.")
        seen, repeats = observe(rows, sorted_.kept)
        allowed = degrees(form, len(np.unique(seen.u)), int(seen.first.sum()))
        base = _base_form(rows, seen, repeats)
        read = choose_read(repeats, allowed, np.random.default_rng(0)) if tells_read(rows, repeats) else None
        # Degrees are chosen once outliers by a first fit are out.
        if model is not None and chosen is None:
            held = model if read is None else replace(model, read=read)
            chosen = choose_form(seen, base, allowed, held, rng)
        degree = min(2, allowed[-1])
        now = replace(base, mean_degree=degree, sigma_degree=degree) if chosen is None else chosen
        model = fit_model(seen, now, read=read)
        while chosen is not None and form == "auto" and not is_positive(model):
            # Rows sorted anew may bend the spread below 0; a constant one never is.
            chosen = replace(chosen, sigma_degree=chosen.sigma_degree - 1)
            model = fit_model(seen, chosen, read=read)
        sigma_uS = np.sqrt(np.maximum(model.variance_uS2(each), 1e-18))
        new = sort_rows(rows, model.mean_at(each), sigma_uS)
        settled = chosen is not None and bool((new.kept == sorted_.kept).all())
        sorted_ = new
        if settled:
            break
    assert chosen is not None
    assert model is not None
    return chosen, model, sorted_


def _base_form(rows: Rows, seen: Observations, repeats: Repeats) -> Form:
    """What of relaxation and read noise the data can tell."""
    if rows.time_s is None:
        return Form(0, 0)
    fresh = bool((seen.aged == 0).any())
    n_ages = len(np.unique(np.round(seen.ln_t[seen.aged > 0], 6)))
    n_changes = int((seen.first == 0).sum())
    return Form(
        0,
        0,
        shift=fresh and n_ages >= 1,
        slope=n_ages >= 2,
        spread=n_ages >= 3 or (fresh and n_ages >= 1),
        growth=n_ages >= 2,
        read=n_ages >= 3 and n_changes >= LEAST_REPEATS and not tells_read(rows, repeats),
    )


def _error_sigma(seen: Observations, model: Model, sigma: FittedCurve) -> Floats:
    """Standard deviation of a typical first error over the grid, µS."""
    first = seen.where(seen.first > 0)
    typical = {name: np.full(len(GRID), np.median(getattr(first, name))) for name in ("ln_t", "aged", "reads")}
    zero = np.zeros(len(GRID))
    at = Observations(
        u=GRID, y_uS=zero, first=zero, ln_before=zero, aged_before=zero, cluster=zero.astype(int), **typical
    )
    return np.sqrt(sigma.value_uS**2 + model.extra_uS2(at))


def _levels(sorted_: Sorted, rows: Rows) -> tuple[Stuck | None, Stuck | None]:
    """The levels at which cells are stuck, as OFF and ON."""
    levels = sorted_.levels
    if len(levels) == 2:
        return levels[0], levels[1]
    if not levels:
        return None, None
    is_off = levels[0].g_uS < np.median(rows.target_uS)
    return (levels[0], None) if is_off else (None, levels[0])
