"""Where a threshold may lie: the inputs around its ideal place for which the function stays within an error."""

import numpy as np
from numpy.typing import NDArray

from rampjax.target.spline import finite_range
from rampjax.target.target import Target

_HALVINGS = 60

FloatArray = NDArray[np.float64]


def threshold_windows(target: Target, limit_lsb: float) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest place of each threshold, in x, at which |INL| is at most a limit.

    g(x) = b_k -+ limit LSB, solved by bisection on the branch of the threshold; no further than the extremum at its
    end, and without end where the range ends before.

    Args:
        target: function and thresholds.
        limit_lsb: largest |INL|, in output steps, at least 0.
    """
    ends = np.clip(target.branch_x, *finite_range(target))
    home = np.clip(np.searchsorted(target.branch_x, target.thresholds), 1, len(ends) - 1)
    reached = []
    for sign, end in ((-1.0, home - 1), (1.0, home)):
        far = _reach(target, ends[end], sign, limit_lsb)
        last = 0 if sign < 0 else len(ends) - 1
        inside = sign * target.direction * (target.function.evaluate(ends[end]) - target.boundaries) / target.lsb
        # Beyond the range inputs count at its end: a threshold there has the error of the end.
        unbounded = (end == last) & (inside <= limit_lsb)
        reached.append(np.where(unbounded, sign * np.inf, far))
    return reached[0], reached[1]


def _reach(target: Target, end: FloatArray, sign: float, limit_lsb: float) -> FloatArray:
    """How far each threshold may move towards an end of its branch."""
    near, far = target.thresholds.copy(), end.copy()
    for _ in range(_HALVINGS):
        middle = 0.5 * (near + far)
        off = sign * target.direction * (target.function.evaluate(middle) - target.boundaries)
        within = off <= limit_lsb * target.lsb
        near, far = np.where(within, middle, near), np.where(within, far, middle)
    return near
