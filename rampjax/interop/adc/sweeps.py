"""Sweeps of a transfer curve, recognised from the order of its conversions, and what those up and down differ by.

A sweep is a stretch of conversions over which the input rises, or falls, over at least a quarter of its span, without
going back by as much, and in order but for the noise of the inputs. Inputs in random order have none. A jump back
between two sweeps is too short to be one.
"""

import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rampjax.config.records import bare
from rampjax.interop.adc.linearity import Estimate

FloatArray = NDArray[np.float64]

_REVERSAL: Final = 0.25  # of the span of the inputs: less is no turn
_FEWEST: Final = 10  # conversions of a sweep
_ORDERED: Final = 0.95  # rank correlation of input and time within a sweep
_MOST: Final = 0.8  # share of the conversions that belong to sweeps where there are any
_SURE: Final = 4.5  # standard errors of the mean, or of one threshold, from which sweeps differ


def sweep_directions(x: FloatArray) -> NDArray[np.int64]:
    """Returns +1 for each conversion of a sweep up, -1 of one down, 0 of none.

    Args:
        x: inputs in the order in which they were converted.
    """
    direction = np.zeros(len(x), np.int64)
    turns = _turns(x, _REVERSAL * float(np.ptp(x)))
    for begin, end in itertools.pairwise(turns):
        part = slice(begin, end + 1)
        if end + 1 - begin < _FEWEST or np.ptp(x[part]) < _REVERSAL * np.ptp(x):
            continue
        order = float(stats.spearmanr(np.arange(end + 1 - begin), x[part]).statistic)
        if abs(order) >= _ORDERED:
            direction[part] = np.sign(order)
    return direction if np.mean(direction != 0) >= _MOST else np.zeros_like(direction)


def _turns(x: FloatArray, reversal: float) -> list[int]:
    """Where the inputs turn, going back by at least `reversal`; the first and the last conversion too."""
    turns, low, high, sense = [0], 0, 0, 0
    for i, value in enumerate(x.tolist()):
        if value > x[high]:
            high = i
        if value < x[low]:
            low = i
        if sense >= 0 and x[high] - value >= reversal:
            turns.append(high)
            sense, low = -1, i
        elif sense <= 0 and value - x[low] >= reversal:
            turns.append(low)
            sense, high = 1, i
    return sorted({*turns, len(x) - 1})


@dataclass(frozen=True, eq=False)
class Hysteresis:
    """How much higher the thresholds lie on the way up than on the way down, in LSB; NaN where it is not known."""

    each_lsb: FloatArray  # (K,)
    error_lsb: FloatArray  # (K,) standard error of each

    @property
    def mean(self) -> tuple[float, float]:
        """The mean over thresholds, with its standard error."""
        known = np.isfinite(self.each_lsb)
        n = int(known.sum())
        return float(self.each_lsb[known].mean()), float(np.sqrt((self.error_lsb[known] ** 2).sum())) / n

    @property
    def largest(self) -> int:
        """The threshold, counted from 0, where it is largest in magnitude."""
        return int(np.nanargmax(np.abs(self.each_lsb)))

    @property
    def significant(self) -> bool:
        """Whether it is beyond what the standard errors leave, on average or at the threshold where it is surest."""
        mean, error = self.mean
        known = np.isfinite(self.each_lsb) & (self.error_lsb > 0)
        surest = float((np.abs(self.each_lsb[known]) / self.error_lsb[known]).max(initial=0.0))
        return abs(mean) > _SURE * error or surest > _SURE

    @property
    def note(self) -> str:
        """What is said of it where it is significant."""
        (mean, error), k = self.mean, self.largest
        return (
            f"Sweeps up and down differ (hysteresis, or drift between them): on the way up thresholds lie {mean:+.3g} "
            f"± {error:.2g} LSB higher on average, at most {self.each_lsb[k]:+.3g} ± {self.error_lsb[k]:.2g} at "
            f"threshold {k + 1}; thresholds are the means of both, noise is that within sweeps of one kind."
        )


def hysteresis_of(up: Estimate, down: Estimate, slope_lsb: FloatArray) -> Hysteresis | None:
    """What the thresholds of sweeps up and down differ by; None where they have no threshold in common.

    Args:
        up: thresholds of the sweeps up.
        down: of those down.
        slope_lsb: (K,) LSB per unit of x at each threshold.
    """
    scale = np.abs(slope_lsb)
    each, error = scale * (up.x - down.x), scale * np.hypot(up.error_x, down.error_x)
    return Hysteresis(each, error) if np.isfinite(each).any() else None


def both_ways(up: Estimate, down: Estimate, n: int) -> Estimate:
    """Thresholds in the middle of those up and down, with the noise within sweeps of one kind.

    A threshold that one kind alone has reached is that one's.

    Args:
        up: thresholds of the sweeps up.
        down: of those down.
        n: conversions of all.
    """
    seen = np.isfinite(up.x) & np.isfinite(down.x)
    alone = np.where(np.isfinite(up.x), up.x, down.x), np.where(np.isfinite(up.x), up.error_x, down.error_x)
    x = np.where(seen, 0.5 * (up.x + down.x), alone[0])
    error = np.where(seen, 0.5 * np.hypot(up.error_x, down.error_x), alone[1])
    noisy = np.isfinite(up.sigma_x) & np.isfinite(down.sigma_x)
    one = np.where(np.isfinite(up.sigma_x), up.sigma_x, down.sigma_x)
    sigma = np.where(noisy, np.hypot(up.sigma_x, down.sigma_x) / np.sqrt(2), one)
    return Estimate(x, error, np.zeros(len(x) - 1), sigma, n)


def hysteresis_record(found: Hysteresis | None) -> dict[str, Any]:
    """Hysteresis as bare JSON values: None, and empty lists, where no sweeps both up and down are.

    Args:
        found: what sweeps up and down differ by.
    """
    mean, error = (None, None) if found is None else found.mean
    k = None if found is None else found.largest
    return {
        "hysteresis_lsb": mean,
        "hysteresis_error_lsb": error,
        "hysteresis_significant": None if found is None else found.significant,
        "max_hysteresis_lsb": None if found is None or k is None else bare(float(found.each_lsb[k])),
        "max_hysteresis_error_lsb": None if found is None or k is None else bare(float(found.error_lsb[k])),
        "max_hysteresis_threshold": None if k is None else k + 1,
        "threshold_hysteresis_lsb": [] if found is None else [bare(value) for value in found.each_lsb.tolist()],
    }
