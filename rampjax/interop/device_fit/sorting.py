"""Fits the model and sorts the rows in turn, until no row changes its kind."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rampjax.checks import InputError
from rampjax.interop.device_fit.aged import law_is_off
from rampjax.interop.device_fit.choice import choose_curves, choose_read, choose_relaxation, shapes
from rampjax.interop.device_fit.lack import lack_of_fit
from rampjax.interop.device_fit.likelihood import Form
from rampjax.interop.device_fit.model import Model, fit_model
from rampjax.interop.device_fit.rows import Repeats, Rows, age_numbers, observe
from rampjax.interop.device_fit.series import Floats, Series, in_pairs
from rampjax.interop.device_fit.shapes import Shape, polynomial
from rampjax.interop.device_fit.stuck import Sorted, rough_scale, sort_rows

LEAST_ROWS: Final = 8
LEAST_REPEATS: Final = 8  # degrees of freedom of the read noise
_MOST_ROUNDS: Final = 40


@dataclass(frozen=True, eq=False)
class Settled:
    """A fit, and the rows that it is of."""

    model: Model
    sorted: Sorted
    series: Series
    repeats: Repeats
    settled: bool  # False: the last round still moved rows
    walks: bool  # changes between ages are as independent as the model has them; else ages are fitted one by one


def tells_read(rows: Rows, repeats: Repeats) -> bool:
    """Whether repeated reads tell the read noise."""
    return rows.told_events and float(repeats.freedom.sum()) >= LEAST_REPEATS


def fit_sorted(rows: Rows, form: str) -> Settled:
    """Returns the fit, its form chosen once gross outliers are out.

    Args:
        rows: of the table.
        form: one of `choice.FORMS`.

    Raises:
        InputError: too few programming events are left, or too few for the form.
    """
    sorted_ = sort_rows(rows, *rough_scale(rows))
    model: Model | None = None
    chosen: Form | None = None
    passed: list[Sorted] = []
    walks = True
    for _ in range(_MOST_ROUNDS):
        series, repeats = _observed(rows, sorted_, walks)
        read, read_shape = choose_read(repeats) if tells_read(rows, repeats) else (None, Shape())
        base = _base_form(rows, series, repeats, walks)
        # What the ages tell may change with the rows.
        now = _rough_form(base, series, form) if chosen is None else _with_terms(chosen, base)
        model = _fit(series, now, read, read_shape, model, form)
        new = _resorted(rows, model, sorted_)
        same, sorted_ = bool((new.kept == sorted_.kept).all()), new
        if same and chosen is None:
            chosen = _chosen(rows, series, now, model, form, read, read_shape)
            model = None
        elif same:
            model = _fit(series, model.form, read, read_shape, model, form, thorough=True)
            if (_resorted(rows, model, sorted_).kept == sorted_.kept).all():
                if not (walks and base.growth and law_is_off(lack_of_fit(rows, sorted_, model))):
                    return Settled(model, sorted_, series, repeats, True, walks)
                walks, model, chosen, passed = False, None, None, []
        elif chosen is not None:
            if any((sorted_.kept == other.kept).all() for other in passed):
                break
            passed.append(sorted_)
    sorted_ = _kept_by_any([*passed[-_MOST_ROUNDS // 2 :], sorted_])
    series, repeats = _observed(rows, sorted_, walks)
    if chosen is None:
        chosen = _rough_form(_base_form(rows, series, repeats, walks), series, form)
    read, read_shape = choose_read(repeats) if tells_read(rows, repeats) else (None, Shape())
    model = _fit(series, chosen, read, read_shape, None, form)
    return Settled(model, sorted_, series, repeats, False, walks)


def _kept_by_any(rounds: list[Sorted]) -> Sorted:
    """Rows that come and go are kept: to set them apart would be to choose."""
    last = rounds[-1]
    kept = np.any([one.kept for one in rounds], axis=0) & ~last.stuck
    return replace(last, kept=kept, outlier=~kept & ~last.stuck)


def _observed(rows: Rows, sorted_: Sorted, walks: bool) -> tuple[Series, Repeats]:
    n_left = len(np.unique(rows.event[sorted_.kept]))
    if n_left < LEAST_ROWS:
        raise InputError(f"only {n_left} programming events are left to fit, expected at least {LEAST_ROWS}.")
    series, repeats = observe(rows, sorted_.kept)
    return (series if walks else in_pairs(series)), repeats


def _resorted(rows: Rows, model: Model, sorted_: Sorted) -> Sorted:
    sigma_uS = np.maximum(model.sigma_at(rows.u, rows.ln_t, rows.aged), 1e-9)
    return sort_rows(rows, model.mean_at(rows.u, rows.ln_t, rows.aged), sigma_uS, sorted_)


def _fit(
    series: Series,
    form: Form,
    read: Floats | None,
    read_shape: Shape,
    start: Model | None,
    asked: str,
    thorough: bool = False,
) -> Model:
    near = start is not None and start.form == form
    model = fit_model(series, form, None, read, read_shape, start, thorough=thorough or not near)
    while asked == "auto" and not model.is_positive:
        # Rows sorted anew may bend a spread below 0; a constant never is.
        simpler = _simpler(form, model)
        if simpler == form:
            break
        form = simpler
        model = fit_model(series, form, None, read, read_shape)
    return model


def _simpler(form: Form, model: Model) -> Form:
    # That of relaxation is never negative by its shape.
    if form.sigma.degree and not form.sigma.is_positive(model.sigma):
        return replace(form, sigma=polynomial(form.sigma.degree - 1))
    return form


def _rough_form(base: Form, series: Series, asked: str) -> Form:
    n_targets = len(np.unique(series.u))
    degree = 0 if asked == "constant" else min(2, n_targets - 1, max(series.n_events // LEAST_ROWS - 1, 0))
    return replace(base, mean=polynomial(degree), sigma=polynomial(min(degree, 1)))


def _with_terms(chosen: Form, base: Form) -> Form:
    return replace(
        base,
        mean=chosen.mean,
        sigma=chosen.sigma,
        relax_mean=chosen.relax_mean,
        relax_sigma=chosen.relax_sigma,
    )


def _chosen(
    rows: Rows, series: Series, now: Form, model: Model, asked: str, read: Floats | None, read_shape: Shape
) -> Form:
    rising = bool(model.form.sigma.at(model.sigma, np.array([1.0])) >= model.form.sigma.at(model.sigma, -np.ones(1)))
    found = choose_curves(series, now, shapes(asked, series.u, rows.span.zero_u, rising), model)
    return choose_relaxation(series, found, read, read_shape)


def _base_form(rows: Rows, series: Series, repeats: Repeats, walks: bool) -> Form:
    """What of relaxation and read noise the data can tell."""
    if rows.time_s is None:
        return Form()
    fresh, ages = bool((series.aged == 0).any()), int(age_numbers(series.ln_t, series.aged).max())
    return Form(
        shift=fresh and ages >= 1,
        slope=ages >= 2,
        spread=ages >= 3 or (fresh and ages >= 1),
        growth=ages >= 2,
        read=walks and ages >= 3 and series.n_changes >= LEAST_REPEATS and not tells_read(rows, repeats),
    )
