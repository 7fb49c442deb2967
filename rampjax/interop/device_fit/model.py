"""A fitted error model, and its fit: the terms of the largest likelihood (`device_fit.search` finds them)."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rampjax.interop.device_fit.likelihood import Filtered, Form, Problem, Spreads
from rampjax.interop.device_fit.search import (
    MAX_STEPS,
    flat_spreads,
    free_spreads,
    score_from,
    search,
    spreads_of,
    starts,
)
from rampjax.interop.device_fit.series import Floats, Series
from rampjax.interop.device_fit.shapes import Shape

QUICK_STEPS: Final = 6  # of a resample, from the solution of all
LARGE_STEPS: Final = 2  # of one of many reads, whose solution is nearer
MANY_READS: Final = 20_000  # above which starts are tried on a share of the events, and resamples are fewer
_SHARE: Final = 4000


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
    begins = starts(series, form, problem)
    if start is not None and start.form == form:
        near = flat_spreads(start.spreads, form, read is not None)
        if not thorough:
            return _model(problem, score_from(problem, near, MAX_STEPS)[0])
        begins.insert(0, near)
    large = len(series.y_uS) > MANY_READS
    # Which of several maxima is the largest, a share of the events tells.
    best = search(Problem(*_share(series, form, weights), read, read_shape) if large else problem, begins)
    return _model(problem, score_from(problem, best, MAX_STEPS)[0] if large else best)


def _share(series: Series, form: Form, weights: Floats | None) -> tuple[Series, Form, Floats | None]:
    chosen = np.zeros(series.n_events, dtype=bool)
    chosen[np.random.default_rng(0).permutation(series.n_events)[:_SHARE]] = True
    return series.where(chosen), form, None if weights is None else weights[chosen]


def refit(problem: Problem, start: Model, steps: int = QUICK_STEPS) -> Model:
    """A few steps of scoring from a solution that is near."""
    begin = flat_spreads(start.spreads, problem.form, problem.known_read is not None)
    return _model(problem, score_from(problem, begin, steps)[0])


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
    for part, shape in free_spreads(problem):
        if part == name:
            break
        place += shape.n_terms
    begin = flat_spreads(model.spreads, problem.form, known)
    begin[place] = at_uS
    ends = [score_from(problem, begin, MAX_STEPS, place)[1]]
    # What was in it may have to go elsewhere, which a spread at 0 cannot see.
    moved = begin + 0.3 * problem.series.scale_uS * (np.arange(len(begin)) != place)
    ends.append(score_from(problem, moved, MAX_STEPS, place)[1])
    return max(ends)


def evaluate(problem: Problem, model: Model) -> Filtered:
    """What the filter finds with the terms of a model."""
    means = [part for part in (model.mean, model.relax_shift, model.relax_slope) if part is not None]
    return problem.filter(model.spreads, np.concatenate(means))


def _model(problem: Problem, flat: Floats) -> Model:
    form, spreads = problem.form, spreads_of(problem, flat)
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
