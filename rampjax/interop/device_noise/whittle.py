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
    level = [float(np.sum(count * power / part) / count.sum()) for part in (first, second)]
    parts = level[0] * first, level[1] * second

    def at(share: float) -> tuple[float, float]:
        mix = (1 - share) * parts[0] + share * parts[1]
        scale = float(np.sum(count * power / mix) / count.sum())
        return misfit(power, scale * mix, count), scale

    # Evenly spaced in the logit, so that a small share of either is found as well.
    grid = 1 / (1 + np.exp(-np.linspace(-14, 14, 57)))
    shares = np.concatenate([[0.0], grid, [1.0]])
    best = int(np.argmin([at(share)[0] for share in shares]))
    share = float(shares[best])
    if 0 < best < len(shares) - 1:
        found = optimize.minimize_scalar(
            lambda one: at(one)[0],
            bounds=(shares[best - 1], shares[best + 1]),
            method="bounded",
            options={"xatol": 0.0},
        )
        share = min((share, float(found.x)), key=lambda one: at(one)[0])
    scale = at(share)[1]
    return scale * (1 - share) * level[0], scale * share * level[1]


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

        def at(rest: float) -> float:
            return misfit(power, fixed + rest * other, count)

        most = float(np.max(power / other)) * 2
        grid = np.concatenate([[0.0], most * np.logspace(-12, 0, 49)])
        start = 1 if variance == 0.0 else 0
        best = start + int(np.argmin([at(one) for one in grid[start:]]))
        ends = (grid[max(best - 1, start)], grid[min(best + 1, len(grid) - 1)])
        found = optimize.minimize_scalar(at, bounds=ends, method="bounded", options={"xatol": 1e-9 * ends[1]})
        return min(float(found.fun), at(grid[best]))

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
