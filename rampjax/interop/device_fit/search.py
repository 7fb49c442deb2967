"""The search for the maximum of the likelihood: Fisher scoring within limits, from several starts.

The likelihood has more than one maximum where a spread can hide in another, and a standard deviation near 0 has no
slope; so the scoring starts from several splits of the variance, and a general optimiser goes on from the best end.
All steps are scaled by the data, never by a fitted spread, which may be 0. The free spreads stand in one flat vector.

References:
    Fisher scoring, damped: Smyth (1989), J. R. Stat. Soc. B 51, 47; Marquardt (1963), J. SIAM 11, 431.
    The general optimiser, L-BFGS-B: Byrd, Lu, Nocedal and Zhu (1995), SIAM J. Sci. Comput. 16, 1190.
"""

from typing import Final

import numpy as np
from scipy import optimize

from rampjax.interop.device_fit.likelihood import Form, Problem, Spreads
from rampjax.interop.device_fit.series import Floats, Series
from rampjax.interop.device_fit.shapes import Shape

MAX_STEPS: Final = 100
_ENOUGH: Final = 1e-8  # of the log-likelihood per event: a step that gains less ends the search
_GAINED: Final = 1e-4  # log-likelihood that the general optimiser must gain to count
_MOST_DAMPING: Final = 1e12
# Shares of the first errors' spread, and of the changes', with which a search starts: sigma, s0, b, read.
_STARTS: Final = ((0.9, 0.6, 0.1, 0.2), (0.3, 0.9, 0.02, 0.05), (0.9, 0.1, 0.3, 0.02), (0.6, 0.3, 0.1, 0.6))


def _parts(form: Form, known_read: bool) -> list[tuple[str, Shape]]:
    """The free spreads in the order in which they stand in one vector."""
    parts = [("sigma", form.sigma)]
    parts += [("relax_start", form.relax_sigma)] * form.spread + [("relax_growth", form.relax_sigma)] * form.growth
    return parts + [("read", Shape())] * (form.read and not known_read)


def free_spreads(problem: Problem) -> list[tuple[str, Shape]]:
    """Names and shapes of the spreads that are fitted."""
    return _parts(problem.form, problem.known_read is not None)


def flat_spreads(spreads: Spreads, form: Form, known_read: bool) -> Floats:
    """The free spreads as one vector; an absent one is 0."""
    values = [getattr(spreads, name) for name, _ in _parts(form, known_read)]
    return np.concatenate([np.zeros(1) if value is None else value for value in values])


def spreads_of(problem: Problem, flat: Floats) -> Spreads:
    """The spreads of a vector, the known read noise among them."""
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


def starts(series: Series, form: Form, problem: Problem) -> list[Floats]:
    """Where a search starts: splits of the variance that is seen."""
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


def search(problem: Problem, starts: list[Floats]) -> Floats:
    """The best end of the search from several starts."""
    ends = [score_from(problem, begin, MAX_STEPS) for begin in starts]
    best, value = max(ends, key=lambda end: end[1])
    return _polish(problem, best, value)[0]


def score_from(problem: Problem, begin: Floats, steps: int, held: int | None = None) -> tuple[Floats, float]:
    """Damped Fisher scoring within limits; a term that wants beyond its limit is held, and so is one by its place."""
    low, high = _limits(problem)
    if held is not None:
        low[held] = high[held] = begin[held]
    now = np.clip(begin, low, high)
    found = problem.filter(spreads_of(problem, now))
    damping, enough = 1e-4, _ENOUGH * float(problem.weights.sum())
    for _ in range(steps):
        score, information = problem.score(spreads_of(problem, now), found)
        gained = -1.0
        while damping < _MOST_DAMPING:
            step = _step(now, low, high, score, information, damping)
            then = np.clip(now + step, low, high)
            tried = problem.filter(spreads_of(problem, then))
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
        spreads = spreads_of(problem, scaled * scale)
        found = problem.filter(spreads)
        return -found.log_likelihood / total, -problem.score(spreads, found)[0] * scale / total

    bounds = list(zip(low / scale, high / scale, strict=True))
    # Off 0, where a spread has no slope.
    begin_scaled = np.clip(begin / scale, low / scale, high / scale)
    begin_scaled = np.where(begin_scaled == 0, 0.01, begin_scaled)
    found = optimize.minimize(cost, begin_scaled, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30})
    if -float(found.fun) * total <= value + _GAINED:
        return begin, value
    return score_from(problem, np.asarray(found.x) * scale, MAX_STEPS)
