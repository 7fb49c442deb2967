"""Failed writes: programming events that miss their targets by far, as a share of all and an error of their own.

Outliers among first reads are no part of the spread, but they are a part of what a chip gets: a device that is drawn
fails as often. Their share may depend on the target by steps, found by splitting the range where that explains the
failures best (a tree of likelihood ratios).

References:
    Splitting by likelihood: Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees, 2.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from rampjax.interop.device_fit.rows import Rows
from rampjax.interop.device_fit.series import Floats
from rampjax.interop.device_fit.stuck import Sorted, clopper_pearson

LEAST_FAILED: Final = 5  # fewer may be accidents of the measurement: they are set apart, and said
_LEAST_SLOPED: Final = 20  # failures from which their mean error may depend on the target
_SPLIT: Final = 8.0  # log-likelihood that a split must gain: with all places tried, of 1000 none by chance
_MOST_DEPTH: Final = 2
_LEAST_EVENTS: Final = 20  # on either side of a split


@dataclass(frozen=True)
class Stretch:
    """A range of targets in which one share of the programming events fails."""

    low_uS: float
    high_uS: float
    n_failed: int
    n_events: int

    @property
    def prob(self) -> float:
        return self.n_failed / self.n_events

    @property
    def prob_interval(self) -> tuple[float, float]:
        return clopper_pearson(self.n_failed, self.n_events)


@dataclass(frozen=True, eq=False)
class Failed:
    """Failed writes. The error's mean is bias_uS[0] + bias_uS[1] g, its spread sigma_uS."""

    n_failed: int
    n_events: int
    stretches: tuple[Stretch, ...]  # ascending
    bias_uS: tuple[float, ...]
    sigma_uS: float

    @property
    def prob_interval(self) -> tuple[float, float]:
        return clopper_pearson(self.n_failed, self.n_events)


def failed_writes(rows: Rows, sorted_: Sorted) -> Failed | None:
    """Returns the failed writes; None where there are none, or too few to be told from accidents."""
    first = rows.first & ~sorted_.stuck
    event = rows.event[first]
    # Of several first reads of one event any tells.
    is_failed = np.bincount(event, sorted_.outlier[first]) > 0
    present = np.bincount(event) > 0
    target = np.zeros(len(present))
    target[event] = rows.target_uS[first]
    target, is_failed = target[present], is_failed[present]
    if is_failed.sum() < LEAST_FAILED:
        return None
    chosen = first & sorted_.outlier
    error, at = rows.error_uS[chosen], rows.target_uS[chosen]
    bias: tuple[float, ...] = (float(error.mean()),)
    residual = error - error.mean()
    if len(error) >= _LEAST_SLOPED and np.ptp(at) > 0:
        slope, start = np.polyfit(at, error, 1)
        left = error - (start + slope * at)
        # One term more must explain more than by chance.
        if (residual**2).sum() / (left**2).sum() > 1 + _SPLIT / len(error):
            bias, residual = (float(start), float(slope)), left
    freedom = max(len(error) - len(bias), 1)
    sigma = float(np.sqrt((residual**2).sum() / freedom))
    order = np.argsort(target, kind="stable")
    stretches = _stretches(target[order], is_failed[order], _MOST_DEPTH)
    return Failed(int(is_failed.sum()), len(target), tuple(stretches), bias, sigma)


def _stretches(target_uS: Floats, is_failed: NDArray[np.bool_], depth: int) -> list[Stretch]:
    whole = [Stretch(float(target_uS[0]), float(target_uS[-1]), int(is_failed.sum()), len(target_uS))]
    if depth == 0 or len(target_uS) < 2 * _LEAST_EVENTS:
        return whole
    below = np.arange(1, len(target_uS))
    failed_below = np.cumsum(is_failed)[:-1]
    gain = (
        _log_likelihood(failed_below, below)
        + _log_likelihood(is_failed.sum() - failed_below, len(target_uS) - below)
        - float(_log_likelihood(is_failed.sum(), np.array(len(target_uS))))
    )
    apart = np.diff(target_uS) > 0
    gain[~apart | (below < _LEAST_EVENTS) | (len(target_uS) - below < _LEAST_EVENTS)] = -np.inf
    place = int(np.argmax(gain)) + 1
    if gain[place - 1] < _SPLIT:
        return whole
    return _stretches(target_uS[:place], is_failed[:place], depth - 1) + _stretches(
        target_uS[place:], is_failed[place:], depth - 1
    )


def _log_likelihood(n: np.ndarray, of: np.ndarray) -> Floats:
    """Of n failures among so many, at their own share."""
    return np.asarray(special.xlogy(n, n / of) + special.xlogy(of - n, (of - n) / of))
