"""Estimates from a periodogram by Whittle's likelihood, with intervals that hold though neighbours are correlated.

A periodogram's ordinate I has the density e^{-I/S}/S about what is expected, S. Bins of n ordinates add up to

    -log L = sum over bins of n (ln S + I/S).

Under a window neighbouring ordinates are correlated, so that twice a difference of log L is not chi-squared but, for
one parameter, chi-squared times a known factor: that of the sandwich covariance to the naive one.

References:
    Whittle, Ark. Mat. 2, 423 (1953). Varin, Reid and Firth, Statistica Sinica 21, 5 (2011), section 2.3: the factor.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from rampjax.interop.device_noise.spectrum import CORRELATIONS, Bins, Floats

_DROP: Final = float(stats.chi2.ppf(0.95, 1)) / 2  # of log L, at the ends of an interval of 95 %
_LOGIT: Final = 14.0  # of the share of a part, beyond which it is none
_POINTS: Final = 41
_ZOOMS: Final = 5
_FARTHEST: Final = 1e4  # of an interval's upper end, over the estimate or the spread of the data


@dataclass(frozen=True)
class Estimate:
    """A figure of at least 0 and its interval of 95 %."""

    value: float
    low: float
    high: float

    @property
    def is_told(self) -> bool:
        """Whether the data exclude 0."""
        return self.low > 0.0

    @property
    def root(self) -> "Estimate":
        """Of a variance, the standard deviation."""
        return Estimate(math.sqrt(self.value), math.sqrt(self.low), math.sqrt(self.high))


def misfit(power: Floats, expected: Floats, count: NDArray) -> float:
    """Returns -log L of an expectation."""
    return float(np.sum(count * (np.log(expected) + power / expected)))


def fit_parts(power: Floats, first: Floats, second: Floats, count: NDArray) -> tuple[float, float]:
    """Returns the variances (a, b), each at least 0, of a first + b second that fit best.

    Args:
        power: the periodogram in bins.
        first: what the first part is expected to have per variance.
        second: and the second.
        count: ordinates of each bin.
    """
    # The common scale has a closed form, so that one number is left: the share of the second part.
    n = count.sum()
    level = [float(count @ (power / part) / n) for part in (first, second)]
    parts = level[0] * first, level[1] * second

    def at(share: Floats) -> tuple[Floats, Floats]:
        mix = np.multiply.outer(1 - share, parts[0]) + np.multiply.outer(share, parts[1])
        scale = (power / mix) @ count / n
        return n * np.log(scale) + np.log(mix) @ count, scale

    # In the logit, so that a small share of either is found as well.
    logit = _least(lambda one: at(1 / (1 + np.exp(-one)))[0], -_LOGIT, _LOGIT)
    shares = np.array([0.0, 1 / (1 + np.exp(-logit)), 1.0])
    loss, scale = at(shares)
    best = int(np.argmin(loss))
    share = float(shares[best])
    return float(scale[best]) * (1 - share) * level[0], float(scale[best]) * share * level[1]


def _least(loss: Callable[[Floats], Floats], low: float, high: float) -> float:
    """The place of the least of a function between two ends: on a grid, then on closer and closer ones."""
    for _ in range(_ZOOMS):
        grid = np.linspace(low, high, _POINTS)
        best = int(np.argmin(loss(grid)))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _POINTS - 1)])
    return (low + high) / 2


def inflation(slopes: Floats, expected: Floats, bins: Bins) -> Floats:
    """Returns for each parameter the factor by which twice a drop of log L exceeds chi-squared.

    Args:
        slopes: (parameter, bin), derivatives of the expectation.
        expected: the expectation in bins.
        bins: their ordinates.
    """
    relative = np.repeat(slopes / expected, bins.count, axis=1)
    naive = relative @ relative.T
    true = naive.copy()
    for distance, correlation in enumerate(CORRELATIONS, 1):
        pairs = relative[:, :-distance] @ relative[:, distance:].T
        true += correlation * (pairs + pairs.T)
    inverse = np.linalg.pinv(naive)
    return np.maximum(np.diag(inverse @ true @ inverse) / np.diag(inverse), 1.0)


def part_interval(power: Floats, part: Floats, other: Floats, count: NDArray, value: float, factor: float) -> Estimate:
    """Returns a part's variance with its interval, the other part fitted along.

    Args:
        power: the periodogram in bins.
        part: what the part is expected to have per variance.
        other: and the other.
        count: ordinates of each bin.
        value: the part's variance that fits best.
        factor: of `inflation`, or more.
    """

    def profile(variance: float) -> float:
        fixed = variance * part

        def at(rest: Floats) -> Floats:
            expected = fixed + np.multiply.outer(rest, other)
            loss: Floats = (np.log(expected) + power / expected) @ count
            return loss

        ln_rest = _least(lambda one: at(np.exp(one)), ln_most - 2 * _LOGIT, ln_most)
        rests = np.array([0.0, np.exp(ln_rest)] if variance > 0 else [np.exp(ln_rest)])
        return float(at(rests).min())

    ln_most = float(np.log(np.max(power / other))) + 1.0
    scale = value or float(np.sum(count * power / part) / count.sum()) * 1e-3
    return interval(profile, value, scale, factor)


def interval(
    profile: Callable[[float], float],
    value: float,
    scale: float,
    factor: float,
    least: float = 0.0,
    most: float = math.inf,
) -> Estimate:
    """Returns the interval in which -log L is within reach of its least.

    Args:
        profile: -log L of a value, everything else fitted.
        value: the estimate.
        scale: a step, in which the upper end is looked for.
        factor: of `inflation`.
        least: the smallest value.
        most: the largest.
    """
    limit = profile(value) + _DROP * factor

    def over(one: float) -> float:
        return profile(one) - limit

    low = least
    if value > least and over(least) > 0:
        low = float(optimize.brentq(over, least, value, xtol=1e-6 * (value - least)))
    reach = value + scale
    while reach < most and over(reach) < 0 and reach < value + _FARTHEST * scale:
        reach = value + 2 * (reach - value)
    reach = min(reach, most)
    if over(reach) > 0:
        reach = float(optimize.brentq(over, value, reach, xtol=1e-6 * (reach - value)))
    return Estimate(value, low, reach)
