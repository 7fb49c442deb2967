"""Intervals of fitted parameters: a bootstrap over whole devices (or events, where devices are not named).

A parameter's interval is its value plus and minus Student's t times the standard deviation over resampled devices.
The form is held: that it was chosen from the same data, the intervals do not know.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import Polynomial
from scipy import stats

from rampjax.interop.device_fit.model import Floats, Form, Model, Observations, fit_model
from rampjax.interop.device_fit.reads import read_curve
from rampjax.interop.device_fit.rows import Repeats
from rampjax.interop.device_fit.stuck import CONFIDENCE

N_RESAMPLES = 200
GRID = np.linspace(-1, 1, 41)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """A curve in powers of g / g_unit_uS with its intervals: of the coefficients, and of its values on a grid."""

    g_unit_uS: float
    terms_uS: Floats
    terms_half_uS: Floats  # half widths of the intervals
    g_uS: Floats  # the grid, over the measured targets
    value_uS: Floats
    half_uS: Floats

    @property
    def is_constant(self) -> bool:
        return len(self.terms_uS) == 1

    def at(self, g_uS: Floats) -> tuple[Floats, Floats]:
        """Values at conductances within the grid, and the half widths of their intervals."""
        value_uS = Polynomial(self.terms_uS)(g_uS / self.g_unit_uS)
        return np.asarray(value_uS), np.interp(g_uS, self.g_uS, self.half_uS)

    def times(self, factor: float) -> "FittedCurve":
        """The curve times a positive number."""
        return replace(
            self,
            terms_uS=factor * self.terms_uS,
            terms_half_uS=factor * self.terms_half_uS,
            value_uS=factor * self.value_uS,
            half_uS=factor * self.half_uS,
        )

    def plus(self, other: "FittedCurve", factor: float) -> "FittedCurve":
        """The curve plus a number times another; its intervals stay."""
        n = max(len(self.terms_uS), len(other.terms_uS))
        own, others, half = (np.zeros(n) for _ in range(3))
        own[: len(self.terms_uS)], half[: len(self.terms_uS)] = self.terms_uS, self.terms_half_uS
        others[: len(other.terms_uS)] = other.terms_uS
        value_uS = self.value_uS + factor * other.value_uS
        return FittedCurve(self.g_unit_uS, own + factor * others, half, self.g_uS, value_uS, self.half_uS)


@dataclass(frozen=True, eq=False)
class Estimates:
    """All that is fitted to the rows that are kept."""

    bias: FittedCurve
    sigma: FittedCurve
    read: FittedCurve | None
    relax_mean: tuple[Estimate, Estimate] | None
    relax_sigma: tuple[Estimate, Estimate] | None


def estimates(
    seen: Observations,
    repeats: Repeats,
    form: Form,
    model: Model,
    ends_uS: tuple[float, float],
    rng: np.random.Generator,
) -> Estimates:
    """Returns the fitted parameters with their intervals.

    Args:
        seen: the observations.
        repeats: the repeated reads.
        form: which parameters there are.
        model: as fitted.
        ends_uS: smallest and largest measured target.
        rng: for the resamples.
    """
    present, place = np.unique(seen.cluster, return_inverse=True)
    place_repeats = np.searchsorted(present, repeats.cluster)
    resampled = []
    for _ in range(N_RESAMPLES):
        counts = rng.multinomial(len(present), np.full(len(present), 1 / len(present))).astype(np.float64)
        read = model.read
        if model.read is not None and not form.read:
            weights = counts[place_repeats]
            if not weights.any():
                continue
            read = read_curve(repeats.squares_uS2, repeats.freedom, repeats.u, len(model.read) - 1, weights)
        elif form.read:
            read = None
        resampled.append(fit_model(seen, form, counts[place], read, start=model, quick=True))
    t = float(stats.t.isf((1 - CONFIDENCE) / 2, max(len(present) - 1, 1)))

    def curve(terms: Floats, others: list[Floats]) -> FittedCurve:
        return _curve(terms, np.array(others), ends_uS, t)

    def pair(name: str, low: float) -> tuple[Estimate, Estimate]:
        values = getattr(model, name)
        half = t * np.std([getattr(other, name) for other in resampled], axis=0, ddof=1)
        first, second = (Estimate(v, max(v - h, low), v + h) for v, h in zip(values, half.tolist(), strict=True))
        return first, second

    aged = form.shift or form.slope
    return Estimates(
        bias=curve(model.mean, [other.mean for other in resampled]),
        sigma=curve(model.sigma, [other.sigma for other in resampled]),
        read=None
        if model.read is None
        else curve(model.read, [other.read for other in resampled if other.read is not None]),
        relax_mean=pair("relax_mean", -np.inf) if aged else None,
        relax_sigma=pair("relax_sigma", 0.0) if form.spread or form.growth else None,
    )


def _curve(terms: Floats, others: Floats, ends_uS: tuple[float, float], t: float) -> FittedCurve:
    low_uS, high_uS = ends_uS
    # A device that is measured at 0 µS alone has no other unit.
    unit_uS = high_uS if high_uS > 0 else 1.0

    def in_powers(values: Floats) -> Floats:
        middle, half = (low_uS + high_uS) / 2, (high_uS - low_uS) / 2
        if half == 0:
            return values[:1]
        found = Polynomial(values)(Polynomial([-middle / half, unit_uS / half]))
        padded = np.zeros(len(values))
        padded[: len(found.coef)] = found.coef
        return padded

    half_terms = t * np.std([in_powers(other) for other in others], axis=0, ddof=1)
    values = np.array([Polynomial(other)(GRID) for other in others])
    g_uS = (low_uS + high_uS) / 2 + GRID * (high_uS - low_uS) / 2
    g_uS[[0, -1]] = ends_uS  # to the last bit: they are the limits of the device
    return FittedCurve(
        unit_uS, in_powers(terms), half_terms, g_uS, Polynomial(terms)(GRID), t * values.std(axis=0, ddof=1)
    )
