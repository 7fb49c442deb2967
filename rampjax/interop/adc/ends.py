"""Overfull end bins of a histogram: inputs that went beyond the range that is stated of them.

Inner bins tell the density of the inputs, in conversions per share of the inputs that the design gives these bins.
Where that is far lower than the conversions in all, the end bins hold the rest: the inputs went beyond the stated
range, or waited at its ends. The scale is lost with it, and only what the inner bins tell about each other remains.
A converter whose gain is wrong looks the same, less far.

References:
    IEEE Std 1241, the code density test: an input beyond the range, whose end bins are left out.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rampjax.interop.adc.file import Histogram
from rampjax.interop.adc.linearity import InputSignal, counts_below
from rampjax.target.target import Target

FloatArray = NDArray[np.float64]

_LOST: Final = 0.8  # of the density that the stated inputs have, below which the scale is taken as lost
_SURE: Final = 5.0  # standard errors
_LSB: Final = 1.0  # excess, in mean inner bins, from which end bins are overfull


@dataclass(frozen=True)
class Overfull:
    """End bins that hold more than the inner ones let expect."""

    lost: bool  # whether the scale is
    note: str


def overfull_ends(histogram: Histogram, target: Target, given: InputSignal) -> Overfull | None:
    """Whether the end bins hold far more than the inputs' distribution allows; None where they do not.

    Args:
        histogram: counts of all codes.
        target: a monotone function, and its codes.
        given: the distribution of the inputs as it is stated.
    """
    below, total = counts_below(histogram, target)
    seen = np.flatnonzero((below > 0) & (below < total))
    if len(seen) < 3:
        return None
    first, last = int(seen[0]), int(seen[-1])
    share = given.share(target.thresholds)
    inner = float(below[last] - below[first])
    wanted = float(share[last] - share[first])
    if not inner or not wanted:
        return None
    ratio, error = inner / total / wanted, math.sqrt(inner * (1 - inner / total)) / total / wanted
    excess_lsb = (total - inner / wanted) / (inner / (last - first))
    if ratio + _SURE * error >= 1 or excess_lsb < _LSB:
        return None
    expected = inner / wanted * np.array([share[first], 1 - share[last]])
    held = np.array([below[first], total - below[last]])
    codes = target.codes[[first, last + 1]]
    lost = ratio + _SURE * error < _LOST
    said = " and ".join(
        f"{int(have)} conversions at code {code}{_beyond(code, end)} where about {want:.3g} are expected"
        for have, want, code, end in zip(held, expected, codes, target.codes[[0, -1]], strict=True)
        if have > want
    )
    return Overfull(lost, _note(said, ratio, lost, given))


def _beyond(code: int, end: int) -> str:
    return "" if code == end else " and beyond"


def _note(said: str, ratio: float, lost: bool, given: InputSignal) -> str:
    if lost:
        return (
            f"Overfull end bins: by the counts of the inner codes, {said}. The inputs went beyond the range of "
            f"`--input` {given.text}, or waited at its ends, so that the scale of x is lost: no offset, gain or "
            "absolute INL is told. INL and DNL are those of the inner codes, relative to their mean bin (end-point "
            "fit: the first and the last threshold lie as designed)."
        )
    return (
        f"Overfull end bins: by the counts of the inner codes, {said}. Either the gain is about "
        f"{100 * (1 / ratio - 1):.3g} % too high, or the inputs went beyond the range of `--input` {given.text}: then "
        "offset, gain and absolute INL are not the converter's, and INL with offset and gain removed is."
    )
