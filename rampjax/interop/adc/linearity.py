"""Thresholds of a real converter from its conversions, each with its standard error.

Histogram (code density). The share of conversions below threshold k is the chance F(T_k) that an input lies below it,
so T_k = F^-1(sum of the counts below / N), with F the distribution of the inputs: uniform for a ramp, the arcsine for a
sine, T = offset - amplitude cos(pi F). N independent conversions: var F = F (1 - F) / N, and the standard error of T_k
is that of F over the density of the inputs there. Inputs that cover their range evenly (a slow ramp) scatter less.

Transfer curve. Of threshold k it counts whether a conversion has passed it: T_k is the input at which half of them do
(see `interop.adc.probit`).

A histogram cannot tell which branch a code came from: the function must be monotone. On a transfer curve every branch
of the function is taken by itself, so that any function will do.

References:
    IEEE Std 1241, code transition levels and the code density test.
    J. Doernberg, H.-S. Lee, D. A. Hodges, "Full-speed testing of A/D converters", IEEE JSSC 19 (1984) 820.

Left out: noise shifts the thresholds of a histogram where the density of the inputs bends within the noise (at the
peaks of a sine: let it go beyond the range).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError, to_real
from rampjax.interop.adc.file import Histogram, TransferCurve
from rampjax.interop.adc.probit import Passing, crossings
from rampjax.target.target import Target

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class InputSignal:
    """The distribution of a test's inputs, in x."""

    kind: str  # ramp or sine
    first: float  # lower end of the ramp, amplitude of the sine
    second: float  # upper end of the ramp, offset of the sine

    @property
    def text(self) -> str:
        return f"{self.kind}:{self.first:g}:{self.second:g}"

    def place(self, share: FloatArray) -> FloatArray:
        """The input below which a share of the inputs lies."""
        if self.kind == "ramp":
            return self.first + (self.second - self.first) * share
        return self.second - self.first * np.cos(math.pi * share)

    def share(self, x: FloatArray) -> FloatArray:
        """The share of the inputs below an input."""
        if self.kind == "ramp":
            return np.clip((x - self.first) / (self.second - self.first), 0.0, 1.0)
        return np.arccos(np.clip((self.second - x) / self.first, -1.0, 1.0)) / math.pi

    def slope(self, share: FloatArray) -> FloatArray:
        """The derivative of `place`: one over the density of the inputs there."""
        if self.kind == "ramp":
            return np.full_like(share, self.second - self.first)
        return self.first * math.pi * np.sin(math.pi * share)


@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimated thresholds; NaN where the test says nothing of one."""

    x: FloatArray  # (K,)
    error_x: FloatArray  # standard error of each
    joint_x2: FloatArray  # (K-1,) covariance of each with the next
    sigma_x: FloatArray  # noise of each, from conversion to conversion; NaN where it does not show
    n: int  # conversions


def parse_input(text: str) -> InputSignal:
    """Parses `ramp:LO:HI` or `sine:AMPLITUDE:OFFSET`, in x.

    Raises:
        InputError: something else, a number that is not finite, ends that do not ascend, an amplitude not above 0.
    """
    kind, *parts = text.split(":")
    try:
        numbers = [to_real(part) for part in parts]
    except ValueError:
        numbers = []
    if kind not in ("ramp", "sine") or len(numbers) != 2 or not np.isfinite(numbers).all():
        raise InputError(f"`--input` must be ramp:LO:HI or sine:AMPLITUDE:OFFSET, in units of x, but is `{text}`.")
    first, second = numbers
    if kind == "ramp" and first >= second:
        raise InputError(f"`--input` ramp:LO:HI must go from a lower to a higher x, but is `{text}`.")
    if kind == "sine" and first <= 0:
        raise InputError(f"`--input` sine:AMPLITUDE:OFFSET must have a positive amplitude, but is `{text}`.")
    return InputSignal(kind, first, second)


def from_histogram(histogram: Histogram, target: Target, given: InputSignal) -> Estimate:
    """Thresholds from how often each code came up.

    Args:
        histogram: counts of all codes.
        target: the function, which must be monotone, and its codes.
        given: distribution of the inputs.

    Raises:
        InputError: a function that rises and falls, or inputs that reach no threshold of the design.
    """
    direction = target.direction
    if (direction != direction[0]).any():
        raise InputError(
            f"A histogram of codes does not tell the branches of `{target.function.name}` apart, which rises and "
            "falls; expected a transfer curve, with the columns x and code."
        )
    lowest, highest = given.place(np.array([0.0, 1.0]))
    if not ((target.thresholds > lowest) & (target.thresholds < highest)).any():
        raise InputError(
            f"`--input` {given.text} reaches from x = {lowest:g} to {highest:g}, where the design has no threshold: "
            f"they are from {target.thresholds[0]:.6g} to {target.thresholds[-1]:.6g}."
        )
    below, total = counts_below(histogram, target)
    share = below / total
    error = np.sqrt(share * (1 - share) / total)
    seen = (below > 0) & (below < total)
    x = np.where(seen, given.place(share), np.nan)
    slope = np.where(seen, given.slope(share), np.nan)
    # Of one multinomial draw: cov(F_k, F_j) = F_k (1 - F_j) / N for k below j.
    joint_x2 = slope[:-1] * slope[1:] * share[:-1] * (1 - share[1:]) / total
    return Estimate(x, slope * error, joint_x2, np.full(len(x), np.nan), int(total))


def counts_below(histogram: Histogram, target: Target) -> tuple[FloatArray, float]:
    """How many conversions lie below each threshold, and how many there are.

    Args:
        histogram: counts of all codes.
        target: a monotone function, and its codes.
    """
    rising = target.direction[0] > 0
    counts = histogram.counts if rising else histogram.counts[::-1]
    first = int(target.codes[0]) if rising else len(counts) - 1 - int(target.codes[0])
    return np.cumsum(counts)[first : first + len(target.thresholds)], float(counts.sum())


def from_transfer(curve: TransferCurve, target: Target) -> Estimate:
    """Thresholds from inputs and their codes, on each branch of the function by itself.

    Args:
        curve: the conversions.
        target: the function and its codes.
    """
    order = np.argsort(curve.x, kind="stable")
    passings = [each for _, branch in branch_passings(curve.x[order], curve.codes[order], target) for each in branch]
    estimates = np.array(crossings(passings)).reshape(-1, 3).T
    return Estimate(estimates[0], estimates[1], np.zeros(len(passings) - 1), estimates[2], len(order))


def branch_passings(
    x: FloatArray, codes: NDArray[np.int64], target: Target
) -> Iterator[tuple[NDArray[np.int64], list[Passing]]]:
    """Yields, of each branch of the function with thresholds, its conversions, and what passes each threshold.

    Args:
        x: inputs, ascending.
        codes: the code of each.
        target: the function and its codes.
    """
    home = np.searchsorted(target.branch_x, target.thresholds) - 1
    # Inputs beyond the range belong to the branch at its end.
    branch = np.searchsorted(_measured_extrema(x, codes, target), x, side="right")
    for each in np.unique(home):
        chosen, inside = np.flatnonzero(home == each), np.flatnonzero(branch == each)
        sign = int(target.direction[chosen[0]])
        # Counted from the code below the branch's first threshold: above 0, so many thresholds are passed.
        passed = sign * (codes[inside] - int(target.codes[chosen[0]]))
        inputs = x[inside]
        yield inside, [Passing(inputs, passed >= number) for number in range(1, len(chosen) + 1)]


def _measured_extrema(x: FloatArray, codes: NDArray[np.int64], target: Target) -> FloatArray:
    """Where a chip's codes turn: in the middle of those of the bin that holds the extremum, which errors may move.

    It is looked for up to one width of the bin beyond its ends; the ideal extremum where no such code is.
    """
    places = []
    for extremum in target.branch_x[1:-1]:
        above = int(np.searchsorted(target.thresholds, extremum))
        ends = target.thresholds[np.clip([above - 1, above], 0, len(target.thresholds) - 1)]
        width = ends[1] - ends[0]
        inside = (x > ends[0] - width) & (x < ends[1] + width) & (codes == target.codes[above])
        places.append(float(np.median(x[inside])) if inside.any() else float(extremum))
    return np.maximum.accumulate(places) if places else np.zeros(0)
