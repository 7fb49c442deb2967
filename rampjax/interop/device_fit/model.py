"""A fitted error model, and its maximum likelihood: Fisher scoring within limits, from several starts.

The likelihood has more than one maximum where a spread can hide in another, and a standard deviation near 0 has no
slope; so the scoring starts from several splits of the variance, and a general optimiser goes on from the best end.
All steps are scaled by the data, never by a fitted spread, which may be 0.

References:
    Fisher scoring, damped: Smyth (1989), J. R. Stat. Soc. B 51, 47; Marquardt (1963), J. SIAM 11, 431.
    The general optimiser, L-BFGS-B: Byrd, Lu, Nocedal and Zhu (1995), SIAM J. Sci. Comput. 16, 1190.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import optimize

from rampjax.interop.device_fit.likelihood import Filtered, Form, Problem, Spreads
from rampjax.interop.device_fit.series import Floats, Series
from rampjax.interop.device_fit.shapes import Shape

MAX_STEPS: Final = 100
QUICK_STEPS: Final = 6  # of a resample, from the solution of all
LARGE_STEPS: Final = 2  # of one of many reads, whose solution is nearer
_ENOUGH: Final = 1e-8  # of the log-likelihood per event: a step that gains less ends the search
_GAINED: Final = 1e-4  # log-likelihood that the general optimiser must gain to count
_MOST_DAMPING: Final = 1e12
_MOST_LARGE: Final = 20_000  # reads above which starts are tried on a share of the events
_SHARE: Final = 4000
# Shares of the first errors' spread, and of the changes', with which a search starts: sigma, s0, b, read.
_STARTS: Final = ((0.9, 0.6, 0.1, 0.2), (0.3, 0.9, 0.02, 0.05), (0.9, 0.1, 0.3, 0.02), (0.6, 0.3, 0.1, 0.6))


@dataclass(frozen=True, eq=False)
class Model:
    """Fitted terms, of the shapes of a form. µS."""

    form: Form
    mean: Floats
    sigma: Floats
    relax_shift: Floats | None = None  # c0
    relax_slope: Floats | None = None  # k
    relax_start: Floats | None = None  # s0
    relax_growth: Floats | None = None  # b
    read: Floats | None = None
    read_shape: Shape = Shape()
    log_likelihood: float = -np.inf

    @property
    def spreads(self) -> Spreads:
        return Spreads(self.sigma, self.relax_start, self.relax_growth, self.read)

    def mean_at(self, u: Floats, ln_t: Floats, aged: Floats) -> Floats:
        """The mean error of a read, µS."""
        mean = self.form.mean.at(self.mean, u)
        relax = self.form.relax_mean
        if self.relax_shift is not None:
            mean = mean + aged * relax.at(self.relax_shift, u)
        if self.relax_slope is not None:
            mean = mean + aged * ln_t * relax.at(self.relax_slope, u)
        return np.asarray(mean)

    def relaxed_at(self, u: Floats, ln_t: Floats, aged: Floats) -> Floats:
        """The spread of relaxation, µS."""
        relax, spread = self.form.relax_sigma, np.zeros(len(u))
        if self.relax_start is not None:
            spread = spread + relax.at(self.relax_start, u)
        if self.relax_growth is not None:
            spread = spread + ln_t * relax.at(self.relax_growth, u)
        return np.asarray(aged * spread)

    def sigma_at(self, u: Floats, ln_t: Floats, aged: Floats, n: Floats | float = 1.0) -> Floats:
        """The standard deviation of a read's error (the mean of n reads), µS."""
        variance = self.form.sigma.at(self.sigma, u) ** 2 + self.relaxed_at(u, ln_t, aged) ** 2
        if self.read is not None:
            variance = variance + self.read_shape.at(self.read, u) ** 2 / n
        return np.sqrt(variance)

    @property
    def is_positive(self) -> bool:
        """Whether no spread is negative at any measured target, nor falls with age."""
        form = self.form
        parts = [(form.sigma, self.sigma), (self.read_shape, self.read)]
        parts += [(form.relax_sigma, terms) for terms in (self.relax_start, self.relax_growth)]
        return all(terms is None or shape.is_positive(terms) for shape, terms in parts)


def fit_model(
    series: Series,
    form: Form,
    weights: Floats | None = None,
    read: Floats | None = None,
    read_shape: Shape | None = None,
    start: Model | None = None,
    thorough: bool = True,
) -> Model:
    """Returns the terms of the largest likelihood.

    Args:
        series: what is observed.
        form: which terms there are.
        weights: how often each event counts; None: once.
        read: the terms of the read noise where it is known.
        read_shape: how it depends on the conductance.
        start: a model of the same form; the search then begins there too.
        thorough: False: from that start only.
    """
    problem = Problem(series, form, weights, read, read_shape)
    starts = _starts(series, form, problem)
    if start is not None and start.form == form:
        near = _flat(start.spreads, form, read is not None)
        if not thorough:
            return _model(problem, _score(problem, near, MAX_STEPS)[0])
        starts.insert(0, near)
    large = len(series.y_uS) > _MOST_LARGE
    # Which of several maxima is the largest, a share of the events tells.
    best = _search(Problem(*_share(series, form, weights), read, read_shape) if large else problem, starts)
    return _model(problem, _score(problem, best, MAX_STEPS)[0] if large else best)


def _share(series: Series, form: Form, weights: Floats | None) -> tuple[Series, Form, Floats | None]:
    chosen = np.zeros(series.n_events, dtype=bool)
    chosen[np.random.default_rng(0).permutation(series.n_events)[:_SHARE]] = True
    return series.where(chosen), form, None if weights is None else weights[chosen]


def _search(problem: Problem, starts: list[Floats]) -> Floats:
    """The best end of the search from several starts."""
    ends = [_score(problem, begin, MAX_STEPS) for begin in starts]
    best, value = max(ends, key=lambda end: end[1])
    return _polish(problem, best, value)[0]


def refit(problem: Problem, start: Model, steps: int = QUICK_STEPS) -> Model:
    """A few steps of scoring from a solution that is near."""
    begin = _flat(start.spreads, problem.form, problem.known_read is not None)
    return _model(problem, _score(problem, begin, steps)[0])


def free_spreads(problem: Problem) -> list[tuple[str, Shape]]:
    """Names and shapes of the spreads that are fitted."""
    return _parts(problem.form, problem.known_read is not None)


def profile(problem: Problem, model: Model, name: str, at_uS: float) -> float:
    """The largest log-likelihood with one constant spread held.

    Args:
        problem: the form on its series.
        model: its solution.
        name: of the spread, as in `Spreads`.
        at_uS: where it is held.
    """
    known = problem.known_read is not None
    place = 0
    for part, shape in _parts(problem.form, known):
        if part == name:
            break
        place += shape.n_terms
    begin = _flat(model.spreads, problem.form, known)
    begin[place] = at_uS
    ends = [_score(problem, begin, MAX_STEPS, place)[1]]
    # What was in it may have to go elsewhere, which a spread at 0 cannot see.
    moved = begin + 0.3 * problem.series.scale_uS * (np.arange(len(begin)) != place)
    ends.append(_score(problem, moved, MAX_STEPS, place)[1])
    return max(ends)


def evaluate(problem: Problem, model: Model) -> Filtered:
    """What the filter finds with the terms of a model."""
    means = [part for part in (model.mean, model.relax_shift, model.relax_slope) if part is not None]
    return problem.filter(model.spreads, np.concatenate(means))


def _parts(form: Form, known_read: bool) -> list[tuple[str, Shape]]:
    """The free spreads in the order in which they stand in one vector."""
    parts = [("sigma", form.sigma)]
    parts += [("relax_start", form.relax_sigma)] * form.spread + [("relax_growth", form.relax_sigma)] * form.growth
    return parts + [("read", Shape())] * (form.read and not known_read)


def _flat(spreads: Spreads, form: Form, known_read: bool) -> Floats:
    values = [getattr(spreads, name) for name, _ in _parts(form, known_read)]
    return np.concatenate([np.zeros(1) if value is None else value for value in values])


def _spreads(problem: Problem, flat: Floats) -> Spreads:
    found: dict[str, Floats] = {}
    place = 0
    for name, shape in free_spreads(problem):
        found[name] = flat[place : place + shape.n_terms]
        place += shape.n_terms
    read = found.get("read", problem.known_read)
    return Spreads(found["sigma"], found.get("relax_start"), found.get("relax_growth"), read)


def _limits(problem: Problem) -> tuple[Floats, Floats]:
    each = [shape.bounds(positive=True) for _, shape in _parts(problem.form, problem.known_read is not None)]
    low, high = (np.concatenate(side) for side in zip(*each, strict=True))
    return low, high


def _starts(series: Series, form: Form, problem: Problem) -> list[Floats]:
    parts = _parts(form, problem.known_read is not None)
    weights = problem.weights
    first = series.y_uS[: series.n_events]
    centred = first - np.average(first, weights=weights)
    sd_first = float(np.sqrt(np.average(centred**2, weights=weights))) or 1e-3 * series.scale_uS
    sd_all = max(float(np.std(series.y_uS)), sd_first)
    chosen = _STARTS if len(parts) > 1 else _STARTS[:1]
    found = []
    for sigma, start, growth, read in chosen:
        begin = {
            "sigma": sigma * sd_first,
            "relax_start": start * sd_all,
            "relax_growth": growth * sd_all,
            "read": read * sd_first,
        }
        found.append(np.concatenate([shape.start(begin[name]) for name, shape in parts]))
    return found


def _score(problem: Problem, begin: Floats, steps: int, held: int | None = None) -> tuple[Floats, float]:
    """Damped Fisher scoring within limits; a term that wants beyond its limit is held, and so is one by its place."""
    low, high = _limits(problem)
    if held is not None:
        low[held] = high[held] = begin[held]
    now = np.clip(begin, low, high)
    found = problem.filter(_spreads(problem, now))
    damping, enough = 1e-4, _ENOUGH * float(problem.weights.sum())
    for _ in range(steps):
        score, information = problem.score(_spreads(problem, now), found)
        gained = -1.0
        while damping < _MOST_DAMPING:
            step = _step(now, low, high, score, information, damping)
            then = np.clip(now + step, low, high)
            tried = problem.filter(_spreads(problem, then))
            gained = tried.log_likelihood - found.log_likelihood
            if gained >= 0:
                break
            damping *= 10
        if gained < 0:
            break
        now, found = then, tried
        damping = max(damping / 10, 1e-8)
        if gained <= enough:
            break
    return now, found.log_likelihood


def _step(now: Floats, low: Floats, high: Floats, score: Floats, information: Floats, damping: float) -> Floats:
    free = ~(((now <= low) & (score < 0)) | ((now >= high) & (score > 0)) | (low == high))
    step = np.zeros_like(now)
    if not free.any():
        return step
    inner = information[np.ix_(free, free)]
    # A term without information, as a spread at 0, is moved by its damping alone.
    scale = np.sqrt(np.maximum(np.diag(inner), 1e-12 * max(float(np.trace(inner)), 1e-300)))
    scaled = inner / np.outer(scale, scale) + damping * np.eye(len(scale))
    step[free] = np.linalg.lstsq(scaled, score[free] / scale, rcond=None)[0] / scale
    return step


def _polish(problem: Problem, begin: Floats, value: float) -> tuple[Floats, float]:
    """Whether a general optimiser finds more; if so the scoring goes on from there."""
    low, high = _limits(problem)
    scale = max(problem.series.scale_uS, 1e-300)
    total = max(float(problem.weights.sum()), 1.0)

    def cost(scaled: Floats) -> tuple[float, Floats]:
        spreads = _spreads(problem, scaled * scale)
        found = problem.filter(spreads)
        return -found.log_likelihood / total, -problem.score(spreads, found)[0] * scale / total

    bounds = list(zip(low / scale, high / scale, strict=True))
    # Off 0, where a spread has no slope.
    begin_scaled = np.clip(begin / scale, low / scale, high / scale)
    begin_scaled = np.where(begin_scaled == 0, 0.01, begin_scaled)
    found = optimize.minimize(cost, begin_scaled, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30})
    if -float(found.fun) * total <= value + _GAINED:
        return begin, value
    return _score(problem, np.asarray(found.x) * scale, MAX_STEPS)


def _model(problem: Problem, flat: Floats) -> Model:
    form, spreads = problem.form, _spreads(problem, flat)
    found = problem.filter(spreads)
    means = list(np.split(found.means, np.cumsum([form.mean.n_terms, *[form.relax_mean.n_terms] * form.shift])))
    sigma = np.abs(spreads.sigma) if form.sigma.n_terms == 1 else spreads.sigma
    return Model(
        form=form,
        mean=means.pop(0),
        sigma=sigma,
        relax_shift=means.pop(0) if form.shift else None,
        relax_slope=means.pop(0) if form.slope else None,
        relax_start=spreads.relax_start,
        relax_growth=spreads.relax_growth,
        read=spreads.read,
        read_shape=problem.read_shape,
        log_likelihood=found.log_likelihood,
    )


def without_relaxation(form: Form) -> Form:
    """The form of first errors alone."""
    return replace(form, shift=False, slope=False, spread=False, growth=False, read=False)
