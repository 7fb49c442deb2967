"""Thresholds with offset and gain removed: by the least-squares line, or through the first and the last threshold.

With T_k the measured thresholds and t_k those of the design, T_k = offset + t_k / (1 + gain error) + rest: the offset
is how far thresholds lie too high at x = 0, the gain error how many codes too many there are per unit of x. The line is
in x, where the offsets of comparators and the gain of the input act, whatever the function is; it has the least sum of
squares in LSB, the rest times the slope of the function. Once it is removed, (T_k - offset)(1 + gain error) is
judged as the thresholds themselves are.

References:
    IEEE Std 1241, gain and offset: independently based (least squares), and terminal based.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rampjax.interop.adc.linearity import Estimate
from rampjax.target.target import Target

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_FEWEST: Final = 3  # thresholds of a line of which anything remains


@dataclass(frozen=True)
class Line:
    """A line through thresholds: T = offset_x + stretch t."""

    offset_x: float
    stretch: float

    def remove(self, x: FloatArray) -> FloatArray:
        """Thresholds with offset and gain removed.

        Args:
            x: (K,) measured thresholds.
        """
        return (x - self.offset_x) / self.stretch

    def record(self, target: Target) -> dict[str, Any]:
        """Offset and gain error as bare JSON values; an LSB of the offset is the mean distance between thresholds.

        Args:
            target: the design's thresholds.
        """
        lsb_x = float(np.ptp(target.thresholds)) / (len(target.thresholds) - 1)
        return {
            "offset_x": self.offset_x,
            "offset_lsb": self.offset_x / lsb_x,
            "gain_error_pct": 100 * (1 / self.stretch - 1),
        }


def least_squares(x: FloatArray, seen: BoolArray, slope_lsb: FloatArray, target: Target) -> Line | None:
    """The line with the least sum of squares in LSB; None of fewer than three thresholds, or where it does not ascend.

    Args:
        x: (K,) measured thresholds.
        seen: (K,) which are known.
        slope_lsb: (K,) LSB per unit of x at the thresholds of the design.
        target: the design's thresholds.
    """
    if seen.sum() < _FEWEST:
        return None
    weight, wanted = np.abs(slope_lsb[seen]), target.thresholds[seen]
    # About the middle, and in units of the spread, so that a range far from 0 loses no digits.
    middle = float(np.average(wanted, weights=weight**2)) if weight.any() else 0.0
    rows = np.stack([weight, weight * (wanted - middle)], axis=1)
    (offset, stretch), _, rank, _ = np.linalg.lstsq(rows, weight * x[seen], rcond=None)
    if rank < 2 or not np.isfinite([offset, stretch]).all() or stretch <= 0:
        return None
    return Line(float(offset - stretch * middle), float(stretch))


def through_ends(x: FloatArray, seen: BoolArray, target: Target) -> Line:
    """The line through the first and the last threshold that are known.

    Args:
        x: (K,) measured thresholds.
        seen: (K,) which are known, at least two of them at different x.
        target: the design's thresholds.
    """
    ends = np.flatnonzero(seen)[[0, -1]]
    measured, wanted = x[ends], target.thresholds[ends]
    stretch = float(np.diff(measured)[0] / np.diff(wanted)[0])
    return Line(float(measured[0] - stretch * wanted[0]), stretch)


def end_points(estimate: Estimate, target: Target, share: FloatArray, slope: FloatArray) -> Estimate:
    """A histogram's thresholds on the scale in which the first and the last of them lie as designed.

    The standard errors are those of one multinomial draw, of which the ends of the scale are part.

    Args:
        estimate: the thresholds on a scale of which nothing is known but that it is straight.
        target: the design's thresholds.
        share: (K,) of conversions below each.
        slope: (K,) derivative of the input by that share.
    """
    seen = np.isfinite(estimate.x)
    first, last = np.flatnonzero(seen)[[0, -1]].tolist()
    line = through_ends(estimate.x, seen, target)
    x = line.remove(estimate.x)

    def joint(a: NDArray[np.int64] | int, b: NDArray[np.int64] | int) -> FloatArray:
        low, high = np.minimum(share[a], share[b]), np.maximum(share[a], share[b])
        return np.asarray(slope[a] * slope[b] * low * (1 - high) / estimate.n)

    # T' moves with T, and with the ends as far as it lies from the other one.
    part = (x - x[first]) / (x[last] - x[first])

    def covariance(a: NDArray[np.int64], b: NDArray[np.int64]) -> FloatArray:
        of_a: list[tuple[Any, Any]] = [(1.0, a), (part[a] - 1, first), (-part[a], last)]
        of_b: list[tuple[Any, Any]] = [(1.0, b), (part[b] - 1, first), (-part[b], last)]
        total = sum(u * v * joint(i, j) for u, i in of_a for v, j in of_b)
        return np.asarray(total / line.stretch**2)

    each = np.arange(len(x))
    error = np.sqrt(np.maximum(covariance(each, each), 0.0))
    return Estimate(x, error, covariance(each[:-1], each[1:]), estimate.sigma_x, estimate.n)
