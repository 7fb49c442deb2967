"""The errors as an empirical sampler draws them: standardised quantiles, by conductance where their shape differs.

References:
    Whether two shapes differ: Kolmogorov-Smirnov's test of two samples, by Bonferroni over the ranges.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy import stats

from rampjax.checks import InputError
from rampjax.circuit.curves import MOST_KNOTS
from rampjax.config.device_error import MOST_QUANTILES, quantile_moments
from rampjax.interop.device_fit.curves import GRID, FittedCurve
from rampjax.interop.device_fit.model import Model
from rampjax.interop.device_fit.rows import Rows, age_numbers, observe, range_numbers
from rampjax.interop.device_fit.series import Floats
from rampjax.interop.device_fit.shapes import Shape
from rampjax.interop.device_fit.stuck import Sorted

_N_QUANTILES: Final = 257
_N_QUANTILES_BAND: Final = 65  # of each of several
_MOST_BANDS: Final = 8
_ROWS_PER_BAND: Final = 200
_CHANCE: Final = 0.01
_BENDS: Final = 17  # points by which a curved fit is drawn


@dataclass(frozen=True, eq=False)
class Band:
    """The shape of the errors in a range of targets."""

    g_uS: float  # its middle
    quantiles: Floats  # of mean 0 and variance 1
    mean: float  # that was taken out of them, in standard deviations of the fit
    scale: float

    @property
    def of_fit(self) -> Floats:
        """The quantiles as they were, in standard deviations of the fit."""
        return self.mean + self.scale * self.quantiles


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The shape of relaxation at an age; at all ages alike where there is none."""

    age_s: float | None
    bands: tuple[Band, ...]


@dataclass(frozen=True, eq=False)
class Drawn:
    """What an empirical sampler draws from; one band where the shape is the same at all conductances."""

    bands: tuple[Band, ...]
    z: Floats  # the errors in standard deviations of the fit
    relaxed: tuple[Relaxed, ...] = ()  # the same of relaxation; none: too few aged reads

    @property
    def pooled(self) -> Floats:
        """Quantiles of all errors, in standard deviations of the fit."""
        return _band(0.0, self.z, _N_QUANTILES).of_fit


def drawn_errors(
    path: str | Path, rows: Rows, sorted_: Sorted, model: Model, failed: bool, pooled: bool = False
) -> Drawn:
    """Returns standardised quantiles of the errors.

    Args:
        path: of the table, for messages.
        rows: its rows.
        sorted_: how they were sorted.
        model: as fitted.
        failed: whether the outliers are failed writes, of a share and an error of their own; else they are drawn too.
        pooled: one shape for all conductances, so that the spread stays a polynomial.

    Raises:
        InputError: the errors have no spread.
    """
    series, _ = observe(rows, sorted_.kept if failed else ~sorted_.stuck)
    first = series.first()
    sigma_uS = model.sigma_at(first.u, first.ln_t, first.aged, first.n)
    if not sigma_uS.min() > 0:
        raise InputError(f"{path}: the errors have no spread, expected the sampler parametric.")
    z = (first.y_uS - model.mean_at(first.u, first.ln_t, first.aged)) / sigma_uS
    return Drawn(_bands(z, rows.span.g_uS(first.u), 1 if pooled else _MOST_BANDS), z, _relaxed(rows, sorted_, model))


def drawn_curves(bias: FittedCurve, sigma: FittedCurve, drawn: Drawn) -> tuple[FittedCurve, FittedCurve]:
    """Mean and spread of the errors as they are drawn: with what their quantiles have beyond mean 0 and variance 1.

    Args:
        bias: mean error of the fit.
        sigma: its spread.
        drawn: what the sampler draws from.
    """
    span = bias.span
    if len(drawn.bands) == 1 and bias.shape.kind == sigma.shape.kind == "polynomial":
        band = drawn.bands[0]
        shape = bias.shape if bias.shape.degree >= sigma.shape.degree else sigma.shape
        terms = np.zeros(shape.n_terms)
        terms[: bias.shape.n_terms] += bias.terms
        terms[: sigma.shape.n_terms] += band.mean * sigma.terms
        powers = np.zeros(shape.n_terms)
        powers[: bias.shape.n_terms] = bias.terms_half_uS
        moved = replace(bias, shape=shape, terms=terms, terms_half_uS=powers)
        scaled = replace(sigma, terms=band.scale * sigma.terms, terms_half_uS=band.scale * sigma.terms_half_uS)
        return _at_values(moved, bias, band.mean * sigma.value_uS, 1.0), _at_values(scaled, sigma, 0.0, band.scale)
    knots = _knots(bias, sigma, span.u(np.array([band.g_uS for band in drawn.bands])))
    shape, g_uS = Shape("points", knots_u=tuple(knots.tolist())), span.g_uS(knots)
    at = np.array([band.g_uS for band in drawn.bands])
    mean, scale = (np.interp(g_uS, at, [getattr(band, name) for band in drawn.bands]) for name in ("mean", "scale"))
    sigma_uS = sigma.shape.at(sigma.terms, knots)
    moved = replace(
        bias, shape=shape, terms=bias.shape.at(bias.terms, knots) + mean * sigma_uS, terms_half_uS=np.zeros(0)
    )
    scaled = replace(sigma, shape=shape, terms=scale * sigma_uS, terms_half_uS=np.zeros(0))
    widths = shape.at(scale, GRID)
    shift = shape.at(moved.terms, GRID) - bias.value_uS
    return _at_values(moved, bias, shift, 1.0), _at_values(scaled, sigma, 0.0, widths)


def _at_values(curve: FittedCurve, was: FittedCurve, shift_uS: Floats | float, factor: Floats | float) -> FittedCurve:
    """A curve whose intervals are moved and stretched with its values."""
    value_uS = curve.shape.at(curve.terms, GRID)
    low_uS = value_uS - factor * (was.value_uS - was.low_uS)
    return replace(curve, value_uS=value_uS, low_uS=low_uS, high_uS=value_uS + factor * (was.high_uS - was.value_uS))


def _knots(bias: FittedCurve, sigma: FittedCurve, middles: Floats) -> Floats:
    """Where lines between points have to bend: at the middles of the bands, and as the fitted curves do."""
    own = [curve.shape.knots_u for curve in (bias, sigma) if curve.shape.knots_u]
    bent = any(curve.shape.kind == "power law" or curve.shape.degree > 1 for curve in (bias, sigma))
    places = np.concatenate([[-1.0, 1.0], middles, *own, np.linspace(-1, 1, _BENDS) if bent else []])
    places = np.unique(np.round(places, 9))
    return places if len(places) <= MOST_KNOTS else places[np.linspace(0, len(places) - 1, MOST_KNOTS).astype(int)]


def _relaxed(rows: Rows, sorted_: Sorted, model: Model) -> tuple[Relaxed, ...]:
    """The shape of relaxation: what devices have moved since they were fresh, over the spread of the law."""
    series, _ = observe(rows, ~sorted_.stuck)
    if not model.form.spread and not model.form.growth:
        return ()
    event = series.event
    fresh = series.aged[: series.n_events] == 0
    moved = series.y_uS - series.y_uS[: series.n_events][event]
    u = series.u[event]
    spread = model.relaxed_at(u, series.ln_t, series.aged)
    chosen = fresh[event] & (series.aged > 0) & (spread > 1e-6 * series.scale_uS)
    if chosen.sum() < _ROWS_PER_BAND:
        return ()
    mean = model.mean_at(u, series.ln_t, series.aged) - model.form.mean.at(model.mean, u)
    z, g_uS, ln_t = (moved - mean)[chosen] / spread[chosen], rows.span.g_uS(u[chosen]), series.ln_t[chosen]
    age = age_numbers(ln_t, np.ones(len(ln_t))) - 1
    counts = np.bincount(age)
    told = np.flatnonzero(counts >= _ROWS_PER_BAND)
    if len(told) > 1 and _differ([_standard(z[age == one]) for one in told]):
        edges = _edges(g_uS[np.isin(age, told)], _MOST_BANDS // 2, int(counts[told].min()))
        ages_s = [float(f"{rows.t0_s * np.exp(np.median(ln_t[age == one])):.3g}") for one in told]
        parts = [_in_ranges(z[age == one], g_uS[age == one], edges) for one in told]
        if all(parts):
            # Rows stand at one set of conductances, those of the first age.
            at = [band.g_uS for band in parts[0]]
            return tuple(
                Relaxed(age_s, tuple(replace(band, g_uS=g) for band, g in zip(bands, at, strict=True)))
                for age_s, bands in zip(ages_s, parts, strict=True)
            )
    return (Relaxed(None, _bands(z, g_uS, _MOST_BANDS // 2)),)


def _standard(z: Floats) -> Floats:
    return np.asarray((z - z.mean()) / (z.std() or 1.0))


def _differ(parts: list[Floats]) -> bool:
    """Whether any of several samples is distributed otherwise than the others together."""
    whole = np.concatenate(parts)
    ends = np.cumsum([len(part) for part in parts])
    chances = []
    for end, part in zip(ends, parts, strict=True):
        others = np.delete(whole, np.s_[end - len(part) : end])
        if len(part) and len(others):
            chances.append(float(stats.ks_2samp(part, others).pvalue))
    return min(chances, default=1.0) * len(chances) < _CHANCE


def _edges(g_uS: Floats, most: int, n: int) -> Floats:
    """Ends of ranges of conductances with enough rows each."""
    return np.unique(np.quantile(g_uS, np.linspace(0, 1, max(min(most, n // _ROWS_PER_BAND), 1) + 1)))


def _in_ranges(z: Floats, g_uS: Floats, edges: Floats) -> tuple[Band, ...]:
    """The shape in each range; none where one is too thin."""
    place = range_numbers(g_uS, edges)
    parts = [(g_uS[place == one], z[place == one]) for one in range(max(len(edges) - 1, 1))]
    if min(len(part) for _, part in parts) < _N_QUANTILES_BAND:
        return ()
    return tuple(_band(float(np.median(g)), part, _N_QUANTILES_BAND) for g, part in parts)


def _bands(z: Floats, g_uS: Floats, most: int) -> tuple[Band, ...]:
    """The quantiles of all, or of ranges of conductances where their shapes differ."""
    edges = _edges(g_uS, most, len(z))
    bands = _in_ranges(z, g_uS, edges)
    if len(bands) > 1 and min(np.diff([band.g_uS for band in bands])) > 0:
        place = range_numbers(g_uS, edges)
        if _differ([z[place == one] for one in range(len(bands))]):
            return bands
    return (_band(float(np.median(g_uS)), z, _N_QUANTILES),)


def _band(g_uS: float, z: Floats, n_quantiles: int) -> Band:
    probabilities = np.linspace(0, 1, min(n_quantiles, MOST_QUANTILES, max(len(z), 9)))
    quantiles = np.quantile(z, probabilities)
    mean, scale = quantile_moments(quantiles)
    return Band(g_uS, (quantiles - mean) / (scale or 1.0), mean, scale)
