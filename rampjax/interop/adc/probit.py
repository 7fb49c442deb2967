"""The input at which half of the conversions pass a threshold, with its standard error, of thresholds in order.

Where conversions on both sides of a threshold mix, because of noise, P(passed) = Phi((x - T)/sigma) is fitted by
maximum likelihood, with the standard error of its Fisher information: T and sigma by themselves where many mix; where
few do, they say too little of sigma, and neighbouring thresholds share one, the likeliest for all of them. Where none
mix, T lies between two neighbouring inputs: their middle, with the standard deviation of a uniform density between.

References:
    D. J. Finney, Probit Analysis (1947): the fit, by Fisher scoring.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

FloatArray = NDArray[np.float64]
Crossing = tuple[float, float, float]  # T, its standard error, sigma; NaN for what cannot be told

_MOST_STEPS: Final = 60
_SETTLED: Final = 1e-9  # of the log-likelihood
_WORST_CONDITION: Final = 1e12
_MARGIN: Final = 8  # conversions on either side of the mixed ones that join a fit
_MANY: Final = 40  # mixed conversions from which a threshold has a sigma of its own
_SHARED: Final = 16  # neighbouring thresholds that share one
_WIDEST: Final = 6.0  # standard deviations beyond which a conversion tells nothing
_SAME: Final = 1e-9  # of the span of the inputs
_NONE_AT_ALL: Final = 1e-100  # its square is still a number
_NOTHING: Final[Crossing] = (math.nan, math.nan, math.nan)


class Passing(NamedTuple):
    """The conversions that a threshold is judged by."""

    x: FloatArray  # inputs, ascending
    up: NDArray[np.bool_]  # which have passed it

    @property
    def known(self) -> bool:
        """Whether there are conversions on both sides."""
        return bool(self.up.any()) and not self.up.all()

    @property
    def mixed(self) -> tuple[int, int]:
        """The first that has passed and the last that has not: the first is before the last where they mix."""
        return int(np.argmax(self.up)), len(self.up) - 1 - int(np.argmin(self.up[::-1]))

    def between(self, low: float, high: float) -> "Passing":
        """The conversions with inputs from `low` to `high`."""
        part = slice(int(np.searchsorted(self.x, low)), int(np.searchsorted(self.x, high, side="right")))
        return Passing(self.x[part], self.up[part])


def crossings(passings: Sequence[Passing]) -> list[Crossing]:
    """The crossing of each threshold.

    Args:
        passings: of thresholds in order, so that neighbours have about the same noise.
    """
    found = [_own(passing) for passing in passings]
    for first in range(0, len(passings), _SHARED):
        group = range(first, min(first + _SHARED, len(passings)))
        few = [k for k in group if found[k] is None]
        if few:
            near = [passings[k] for k in group if passings[k].known]
            sigma = _shared_sigma(near)
            for k in few:
                found[k] = _with_sigma(passings[k], sigma)
    return [_NOTHING if each is None else each for each in found]


def _own(passing: Passing) -> Crossing | None:
    """A threshold by itself; None where it takes the noise of its neighbours."""
    if not passing.known:
        return _NOTHING
    first, last = passing.mixed
    if last - first < _MANY or passing.x[first] >= passing.x[last]:
        return None
    x, width = passing.x, passing.x[last] - passing.x[first]
    low = min(int(np.searchsorted(x, x[first] - width)), max(first - _MARGIN, 0))
    high = max(int(np.searchsorted(x, x[last] + width, side="right")), min(last + _MARGIN + 1, len(x)))
    return _fit(x[low:high], passing.up[low:high])


def _shared_sigma(passings: Sequence[Passing]) -> float:
    """The likeliest sigma of all; 0 where no conversions mix."""
    widths = [passing.x[last] - passing.x[first] for passing in passings for first, last in [passing.mixed]]
    widest = max(widths, default=0.0)
    # Inputs that differ by their last digits are the same.
    span = max((float(np.ptp(passing.x)) for passing in passings), default=0.0)
    if widest <= max(_SAME * span, _NONE_AT_ALL):
        return 0.0

    def unlikelihood(log_sigma: float) -> float:
        sigma = math.exp(log_sigma)
        return -sum(_locate(passing, sigma)[2] for passing in passings)

    bounds = (math.log(1e-3 * widest), math.log(2 * widest))
    found = optimize.minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 0.02})
    return math.exp(float(found.x))


def _with_sigma(passing: Passing, sigma: float) -> Crossing:
    """A threshold whose noise is that of its neighbours."""
    at, gap = _between(passing)
    if sigma == 0 or math.isnan(at):
        return at, gap / math.sqrt(12), math.nan
    at, information, _ = _locate(passing, sigma)
    near = np.unique(passing.x)
    place = int(np.clip(np.searchsorted(near, at), 1, len(near) - 1))
    # However little the conversions beside it tell: it lies between them, but for the noise.
    widest = math.sqrt((near[place] - near[place - 1]) ** 2 / 12 + sigma**2)
    return at, min(1 / math.sqrt(max(information, 1e-300)), widest), sigma


def _locate(passing: Passing, sigma: float) -> tuple[float, float, float]:
    """The likeliest T with a given sigma, its information, and the log-likelihood."""
    first, last = passing.mixed
    low, high = sorted((float(passing.x[first]), float(passing.x[last])))
    x, up = passing.between(low - _WIDEST * sigma, high + _WIDEST * sigma)
    sign = np.where(up, 1.0, -1.0)
    at = 0.5 * (low + high)
    for _ in range(_MOST_STEPS):
        likelihood, slope, information = _scored(
            np.array([-at / sigma, 1 / sigma]), np.stack([np.ones_like(x), x]), sign
        )
        # Of T alone: the gradient and information of the offset, times (d offset/dT) = -1/sigma. Where conversions near
        # it tell almost nothing, the step stays small against sigma.
        step = -sigma * float(slope[0]) / max(float(information[0, 0]), 0.05)
        at = float(np.clip(at + np.clip(step, -2 * sigma, 2 * sigma), low - 2 * sigma, high + 2 * sigma))
        if abs(step) < 1e-4 * sigma:
            break
    return at, float(information[0, 0]) / sigma**2, likelihood


def _between(passing: Passing) -> tuple[float, float]:
    """The crossing of one half between neighbouring inputs, of shares that are made to ascend; and their distance."""
    if not passing.known:
        return math.nan, math.nan
    inputs, which = np.unique(passing.x, return_inverse=True)
    count = np.bincount(which)
    share = np.asarray(optimize.isotonic_regression(np.bincount(which, passing.up) / count, weights=count).x)
    above = int(np.argmax(share >= 0.5))
    if above == 0:
        return math.nan, math.nan
    low, high = inputs[above - 1], inputs[above]
    at = low + (high - low) * (0.5 - share[above - 1]) / (share[above] - share[above - 1])
    return float(at), float(high - low)


def _fit(x: FloatArray, up: NDArray[np.bool_]) -> Crossing | None:
    """Fits T and sigma by Fisher scoring; None where that does not settle."""
    centre, scale = float(x.mean()), float(x.std()) or 1.0
    rows = np.stack([np.ones_like(x), (x - centre) / scale])
    sign = np.where(up, 1.0, -1.0)
    now: FloatArray = np.array([special.ndtri(np.clip(up.mean(), 0.02, 0.98)), 1.0])
    step: FloatArray = np.zeros(2)
    value = -math.inf
    information: FloatArray = np.eye(2)
    for _ in range(_MOST_STEPS):
        likelihood, score, found = _scored(now + step, rows, sign)
        if likelihood < value - 1e-12 * abs(value):
            step = 0.5 * step
            continue
        gained, now, value, information = likelihood - value, now + step, likelihood, found
        if not np.isfinite(information).all() or np.linalg.cond(information) > _WORST_CONDITION:
            return None
        step = np.asarray(np.linalg.solve(information, score), np.float64)
        if gained < _SETTLED and float(step @ score) < _SETTLED:
            break
    else:
        return None
    offset, slope = float(now[0]), float(now[1])
    at = centre - scale * offset / slope if slope > 0 else math.nan
    # A fit whose middle lies outside of what was tried, or that falls, says nothing.
    if not x[0] <= at <= x[-1]:
        return None
    gradient = np.array([-1.0 / slope, offset / slope**2])
    variance = float(gradient @ np.linalg.solve(information, gradient))
    return at, scale * math.sqrt(variance), scale / slope


def _scored(coefficients: FloatArray, rows: FloatArray, sign: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood of a probit, its gradient, and the expected information."""
    eta = coefficients @ rows
    log_density = -0.5 * eta**2 - 0.5 * math.log(2 * math.pi)
    log_chance = special.log_ndtr(sign * eta)
    score = rows @ (sign * np.exp(log_density - log_chance))
    weight = np.exp(2 * log_density - special.log_ndtr(eta) - special.log_ndtr(-eta))
    return float(log_chance.sum()), np.asarray(score), np.asarray((rows * weight) @ rows.T)
