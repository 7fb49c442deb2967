"""Outlying conversions of a transfer curve: glitches, whose code has nothing to do with their input.

Of each threshold, T is where a step has the fewest conversions on the wrong side of it, which no few glitches can
move. If noise of standard deviation sigma puts them there, 2 phi(0) rho sigma = 0.80 rho sigma are expected, with
rho conversions per unit of x; that gives sigma, without those that lie further than six sigma from T, until none is
left out anew. Those are the outliers, but for two kinds: where about as many neighbours in x read on that side, the
converter does (its function is not monotone); and where a fifth of them does, and no more than two codes away, it is
undecided there (a metastable latch, telegraph noise).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rampjax.interop.adc.linearity import branch_passings
from rampjax.interop.adc.probit import Passing
from rampjax.target.target import Target

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_REACH: Final = 6.0  # sigma
_WRONG: Final = math.sqrt(2 / math.pi)  # expected on the wrong side, over rho sigma
_NEAR: Final = 30  # conversions on either side of a threshold that tell rho
_INPUTS: Final = 4  # and at least so many different inputs
_GROUP: Final = 16  # neighbouring thresholds whose conversions are counted together
_ROUNDS: Final = 50
_BESIDE: Final = 10  # neighbours in x, on either side
_READS_SO: Final = 0.5  # share of the neighbours, from which the converter reads so
_UNDECIDED: Final = 0.2  # share of the neighbours, from which it is undecided
_UNDECIDED_CODES: Final = 2
_LEAP: Final = 3  # times the largest step between the next few


def find_outliers(x: FloatArray, codes: IntArray, target: Target) -> BoolArray:
    """Returns which conversions are outliers.

    Args:
        x: inputs, in any order.
        codes: the code of each.
        target: the function and its codes.
    """
    order = np.argsort(x, kind="stable")
    outlying = np.zeros(len(x), bool)
    for inside, passings in branch_passings(x[order], codes[order], target):
        found = codes[order][inside]
        if len(found) <= _BESIDE:
            continue
        nearby = ndimage.median_filter(found, 2 * _BESIDE + 1, mode="nearest")
        far = np.abs(found - nearby) > _UNDECIDED_CODES
        # A step lies between two different inputs, or beyond all.
        between = np.flatnonzero(np.concatenate([[True], np.diff(x[order][inside]) > 0, [True]]))
        steps = [_Step(passing, between) for passing in passings]
        sigmas = _sigmas(steps)
        for step, sigma in zip(steps, sigmas, strict=True):
            outlying[order[inside[step.outliers(sigma, far)]]] = True
    outlying[order[_ends(codes[order])]] = True
    return outlying


def _ends(codes: IntArray) -> list[int]:
    """The first or the last conversion in x, where it leaps: no step puts a single one there on its wrong side."""
    if len(codes) <= _BESIDE + 1:
        return []
    leaps = np.abs(np.diff(codes))
    usual = _UNDECIDED_CODES + _LEAP * np.array([leaps[1 : _BESIDE + 1].max(), leaps[-_BESIDE - 1 : -1].max()])
    return [end for end, leap, most in zip((0, -1), leaps[[0, -1]], usual, strict=True) if leap > most]


class _Step:
    """One threshold: where a step has the fewest conversions on its wrong side, and which those are."""

    def __init__(self, passing: Passing, between: IntArray) -> None:
        x, self.up = passing
        # Of the passed those below a step, and of the others those above it.
        wrong = 2 * self._passed()[between] - between
        least = between[wrong == wrong.min()]
        self.place = place = int(least[len(least) // 2])
        # Beyond the inputs: what lies on the wrong side is at least as far away as from their end.
        self.at = float(x[0] if place == 0 else x[-1] if place == len(x) else 0.5 * (x[place - 1] + x[place]))
        self.wrong = np.concatenate([np.flatnonzero(self.up[:place]), place + np.flatnonzero(~self.up[place:])])
        self.distance = np.abs(x[self.wrong] - self.at)
        grid = int(np.searchsorted(between, place))
        low = min(max(place - _NEAR, 0), int(between[max(grid - _INPUTS, 0)]))
        high = max(place + _NEAR, int(between[min(grid + _INPUTS, len(between) - 1)]))
        distinct = len(np.unique(x[low:high]))
        width = float(np.ptp(x[low:high])) * distinct / max(distinct - 1, 1)
        self.density = len(x[low:high]) / max(width, 1e-300)
        # T itself is known no better than the inputs lie close.
        gaps = np.diff(x[between[max(grid - 2, 0) : min(grid + 2, len(between) - 1)]])
        self.slack = max(2 / self.density, float(gaps.max(initial=0.0)))

    def _passed(self) -> NDArray[np.int32]:
        """How many of the first conversions, of each number of them, have passed; not kept, one per threshold."""
        passed = np.zeros(len(self.up) + 1, np.int32)
        np.cumsum(self.up, out=passed[1:])
        return passed

    def outliers(self, sigma: float, far: BoolArray) -> IntArray:
        """Those beyond the reach of noise that their neighbours do not bear out."""
        chosen: IntArray = self.wrong[self.distance > _REACH * sigma + self.slack]
        if not chosen.size:
            return chosen
        n, below = len(self.up), chosen < self.place
        # Neighbours on the same side of the step: those before it, or behind it.
        low = np.maximum(chosen - _BESIDE, np.where(below, 0, self.place))
        high = np.minimum(chosen + _BESIDE + 1, np.where(below, self.place, n))
        passed = self._passed()
        alike = passed[high] - passed[low]
        alike = np.where(below, alike, high - low - alike) - 1
        share = alike / np.maximum(high - low - 1, 1)
        reads_so = (share >= _READS_SO) | ((share >= _UNDECIDED) & ~far[chosen])
        return np.asarray(chosen[~reads_so])


def _sigmas(steps: list[_Step]) -> list[float]:
    """The noise of each threshold in x: its own, or that of its neighbours where it is larger."""
    sigmas = []
    for first in range(0, len(steps), _GROUP):
        group = steps[first : first + _GROUP]
        shared = _sigma(group, 0.0)
        sigmas += [_sigma([step], shared) for step in group]
    return sigmas


def _sigma(steps: list[_Step], least: float) -> float:
    """The noise that puts as many conversions on the wrong side as there are within its reach."""
    density = sum(step.density for step in steps)
    distances = np.sort(np.concatenate([step.distance for step in steps]))
    slack = max(step.slack for step in steps)
    n = len(distances)
    for _ in range(_ROUNDS):
        sigma = max(n / (_WRONG * density), least)
        within = int(np.searchsorted(distances, _REACH * sigma + slack, side="right"))
        if within >= n:
            break
        n = within
    return max(n / (_WRONG * density), least)
