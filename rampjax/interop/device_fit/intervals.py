"""Intervals of fitted terms: a bootstrap over whole devices (or events, where devices are not named).

An interval is the value plus and minus Student's t times the standard deviation over resampled devices. Where a
spread may be 0 a bootstrap says too little: there the interval holds all values whose likelihood is not too far below
the largest, by what the errors' tails and the devices' likeness allow. The form is held: that it was chosen from the
same data, the intervals do not know. Of fewer than five devices nothing is claimed.

References:
    Intervals by the likelihood ratio: Wilks (1938), Ann. Math. Stat. 9, 60; scaled for errors that are not normal:
    Rotnitzky and Jewell (1990), Biometrika 77, 485.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from rampjax.interop.device_fit.curves import FittedCurve, fitted_curve
from rampjax.interop.device_fit.likelihood import Problem
from rampjax.interop.device_fit.model import LARGE_STEPS, MANY_READS, QUICK_STEPS, Model, evaluate, profile, refit
from rampjax.interop.device_fit.reads import read_curve
from rampjax.interop.device_fit.rows import Repeats
from rampjax.interop.device_fit.search import free_spreads
from rampjax.interop.device_fit.series import Floats, Series
from rampjax.interop.device_fit.shapes import Shape, Span
from rampjax.interop.device_fit.stuck import CONFIDENCE

N_RESAMPLES = 200
N_RESAMPLES_LARGE = 50  # of more than `MANY_READS`
LEAST_CLUSTERS: Final = 5
_NEAR_0: Final = 4.0  # standard deviations from 0, within which the likelihood is asked
_MOST_HALVINGS: Final = 9
_TOLD_EVERY: Final = 10  # resamples


@dataclass(frozen=True, eq=False)
class Estimates:
    """All that is fitted to the rows that are kept; relaxation as (at 1 s, per ln t)."""

    bias: FittedCurve
    sigma: FittedCurve
    read: FittedCurve | None
    relax_mean: tuple[FittedCurve, FittedCurve] | None
    relax_sigma: tuple[FittedCurve, FittedCurve] | None


def estimates(
    series: Series,
    repeats: Repeats,
    model: Model,
    span: Span,
    ln_1s: float,
    rng: np.random.Generator,
    told: Callable[[str], None] | None = None,
) -> Estimates:
    """Returns the fitted terms with their intervals.

    Args:
        series: what is observed.
        repeats: the repeated reads.
        model: as fitted.
        span: of the targets.
        ln_1s: ln(1 s / t0).
        rng: for the resamples.
        told: called with how far many reads have come.
    """
    form, t = model.form, 0.0
    problem = Problem(series, form, None, None if form.read else model.read, model.read_shape)
    resampled, n_clusters = _resample(problem, repeats, model, rng, told)
    if n_clusters >= LEAST_CLUSTERS:
        t = float(stats.t.isf((1 - CONFIDENCE) / 2, n_clusters - 1))

    asked = bool(t) and _near_zero(problem, model, resampled)

    def curve(name: str, shape: Shape, low: float = -np.inf) -> FittedCurve:
        others = np.array([getattr(other, name) for other in resampled])
        found = fitted_curve(shape, span, getattr(model, name), others, t, low)
        return found if low < 0 or not asked else _by_likelihood(found, problem, model, name, t)

    def relaxed(shape: Shape, names: tuple[str, str], low: float) -> tuple[FittedCurve, FittedCurve]:
        zero = np.zeros(shape.n_terms)

        def at_1s(one: Model) -> Floats:
            start, slope = (getattr(one, name) for name in names)
            return np.asarray((zero if start is None else start) + ln_1s * (zero if slope is None else slope))

        others = np.array([at_1s(other) for other in resampled])
        constant = fitted_curve(shape, span, at_1s(model), others, t, low)
        if low == 0 and asked and ln_1s == 0 and getattr(model, names[0]) is not None:
            constant = _by_likelihood(constant, problem, model, names[0], t)
        if getattr(model, names[1]) is None:
            return constant, fitted_curve(shape, span, zero, np.array([zero] * len(resampled)), t)
        return constant, curve(names[1], shape, low)

    return Estimates(
        bias=curve("mean", form.mean),
        sigma=curve("sigma", form.sigma, 0.0),
        read=None if model.read is None else curve("read", model.read_shape, 0.0),
        relax_mean=relaxed(form.relax_mean, ("relax_shift", "relax_slope"), -np.inf)
        if form.shift or form.slope
        else None,
        relax_sigma=relaxed(form.relax_sigma, ("relax_start", "relax_growth"), 0.0)
        if form.spread or form.growth
        else None,
    )


def _resample(
    problem: Problem,
    repeats: Repeats,
    model: Model,
    rng: np.random.Generator,
    told: Callable[[str], None] | None,
) -> tuple[list[Model], int]:
    """Fits to resampled clusters, and how many clusters there are; none of too few."""
    series = problem.series
    clusters = series.cluster
    if len(np.unique(clusters)) == 1:
        # Of one device: what its own programming events tell of it.
        clusters = np.arange(series.n_events)
        repeats = Repeats(repeats.squares_uS2, repeats.freedom, repeats.u, np.arange(len(repeats.u)))
    present, place = np.unique(clusters, return_inverse=True)
    if len(present) < LEAST_CLUSTERS:
        return [], len(present)
    place_repeats = np.minimum(np.searchsorted(present, repeats.cluster), len(present) - 1)
    resampled: list[Model] = []
    count = N_RESAMPLES if len(series.y_uS) <= MANY_READS else min(N_RESAMPLES, N_RESAMPLES_LARGE)
    share = np.full(len(present), 1 / len(present))
    for done in range(count):
        if told is not None and count <= N_RESAMPLES_LARGE and done % _TOLD_EVERY == 0:
            told(f"intervals: {done} of {count} resamples of devices")
        counts = rng.multinomial(len(present), share).astype(np.float64)
        again = problem.reweighted(counts[place])
        if problem.known_read is not None:
            weights = counts[place_repeats]
            if not weights.any():
                continue
            again.known_read = read_curve(repeats, problem.read_shape, weights)
        resampled.append(refit(again, model, QUICK_STEPS if len(series.y_uS) <= MANY_READS else LARGE_STEPS))
    return resampled, len(present)


def _near_zero(problem: Problem, model: Model, resampled: list[Model]) -> bool:
    """Whether one of the spreads, all of them constants, may be 0: then what it leaves to others is not told either."""
    names = [name for name, shape in free_spreads(problem) if shape.n_terms == 1]
    if len(names) < len(free_spreads(problem)) or len(problem.series.y_uS) > MANY_READS:
        return False
    for name in names:
        value = float(getattr(model, name)[0])
        deviation = float(np.std([getattr(other, name)[0] for other in resampled], ddof=1))
        if value <= max(_NEAR_0 * deviation, 1e-3 * problem.series.scale_uS):
            return True
    return False


def _by_likelihood(curve: FittedCurve, problem: Problem, model: Model, name: str, t: float) -> FittedCurve:
    """The interval of a constant spread by the likelihood, beside that of the bootstrap."""
    if not any(name == free for free, _ in free_spreads(problem)):
        return curve
    value, half = float(curve.value_uS[0]), float(curve.half_uS[0])
    allowed = 0.5 * t**2 * _inflation(problem, model)
    best = model.log_likelihood

    def outside(at_uS: float) -> bool:
        return best - profile(problem, model, name, at_uS) > allowed

    low = 0.0
    if outside(0.0):
        low = _edge(outside, value, 0.0)
    reach = max(half, value, 1e-3 * problem.series.scale_uS)
    beyond = value + reach
    while not outside(beyond) and beyond < 1e3 * problem.series.scale_uS:
        beyond += reach
        reach *= 2
    high = _edge(outside, value, beyond)
    return curve.with_limits(np.full_like(curve.low_uS, low), np.full_like(curve.high_uS, high))


def _edge(outside: Callable[[float], bool], inside_uS: float, outside_uS: float) -> float:
    """Where the likelihood falls too far, by halving."""
    for _ in range(_MOST_HALVINGS):
        middle = 0.5 * (inside_uS + outside_uS)
        if outside(middle):
            outside_uS = middle
        else:
            inside_uS = middle
    return 0.5 * (inside_uS + outside_uS)


def _inflation(problem: Problem, model: Model) -> float:
    """How much more a variance varies than that of normal, independent errors; at least 1."""
    found = evaluate(problem, model)
    squares = found.residual_uS**2 / found.variance_uS2
    by_cluster = np.bincount(problem.series.cluster[problem.series.event], squares - squares.mean())
    return max(float((by_cluster**2).sum()) / (2 * len(squares)), 1.0)
