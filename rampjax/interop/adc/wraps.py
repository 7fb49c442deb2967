"""Codes that wrap: beyond the range of the converter they fall from full scale to 0, or rise from 0 to full scale.

Going up in x, a wrap is where the median of the next few codes is lower or higher than that of the last few by more
than three quarters of all codes, while the design's codes do not go that way. Behind it codes count on by that
many, and what is then beyond full scale reads as full scale: thresholds inside the range stay as they are.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rampjax.target.target import Target

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MEDIAN_OF: Final = 7  # conversions
_WRAP: Final = 0.75  # of the number of codes
_APART: Final = 60  # conversions without a change, where those that noise carries over a wrap end


@dataclass(frozen=True, eq=False)
class Unwrapped:
    """Codes with their wraps undone, and where those were."""

    codes: IntArray  # in the order given
    wrapped: NDArray[np.bool_]  # those that were changed
    x: tuple[float, ...]  # where each wrap is, going up in x
    falls: tuple[bool, ...]  # from full scale to 0, going up in x; else from 0 to full scale
    notes: tuple[str, ...]


def unwrap(x: FloatArray, codes: IntArray, target: Target) -> Unwrapped:
    """Undoes wraps of the codes.

    Args:
        x: inputs.
        codes: the code of each.
        target: the function and its codes.
    """
    order = np.argsort(x, kind="stable")
    inputs, found, n_codes = x[order], codes[order], 2**target.bits
    design = target.codes[np.searchsorted(target.thresholds, inputs, side="right")]
    nearby = ndimage.median_filter(found, _MEDIAN_OF, mode="mirror")
    places, senses = _jumps(found, nearby, ndimage.median_filter(design, _MEDIAN_OF, mode="mirror"), n_codes)
    if not places:
        return Unwrapped(codes, np.zeros(len(x), bool), (), (), ())
    offsets = n_codes * np.concatenate([[0], -np.cumsum(senses)])
    each = np.searchsorted(np.asarray(places), np.arange(len(found)), side="right")
    # Of all stretches, that one is on the scale with which most codes are about the design's.
    base = max(offsets.tolist(), key=lambda b: int((np.abs(found + offsets[each] - b - design) < n_codes / 4).sum()))
    offsets = offsets - base
    offset = offsets[each]
    for place, sense, before, after in zip(places, senses, offsets[:-1], offsets[1:], strict=True):
        level = (n_codes - 1 if sense < 0 else 0) + before
        _carry(found, offset, range(place - 1, -1, -1), after, level, n_codes)
        _carry(found, offset, range(place, len(found)), before, level, n_codes)
    unwrapped, wrapped = np.empty_like(codes), np.empty(len(x), bool)
    unwrapped[order], wrapped[order] = np.clip(found + offset, 0, n_codes - 1), offset != 0
    at = tuple(float(0.5 * (inputs[place - 1] + inputs[place])) for place in places)
    falls = tuple(sense < 0 for sense in senses)
    return Unwrapped(unwrapped, wrapped, at, falls, (_note(at, falls, int(wrapped.sum()), n_codes - 1),))


def _jumps(found: IntArray, nearby: IntArray, design: IntArray, n_codes: int) -> tuple[list[int], list[int]]:
    """The first conversion behind each wrap, and whether codes fall (-1) or rise (+1) there."""
    n, half = len(nearby), _MEDIAN_OF // 2
    behind = np.minimum(np.arange(1, n) + half, n - 1)
    before = np.maximum(np.arange(1, n) - half - 1, 0)
    step, wanted = nearby[behind] - nearby[before], design[behind] - design[before]
    against = (step * wanted <= 0) | (np.abs(wanted) < n_codes / 4)
    shown = np.flatnonzero((np.abs(step) > _WRAP * n_codes) & against)
    places, senses = [], []
    # Noise at a wrap makes codes go to and fro: one wrap, if they are elsewhere behind all of it.
    for run in np.split(shown, np.flatnonzero(np.diff(shown) > _APART) + 1) if shown.size else []:
        first, last = int(before[run[0]]), int(behind[run[-1]])
        change = int(nearby[last] - nearby[first])
        if abs(change) <= _WRAP * n_codes:
            continue
        over = np.abs(found[first : last + 1] - nearby[last]) < n_codes / 2
        # Where the fewest are on the wrong side.
        wrong = np.concatenate([[0], np.cumsum(np.where(over, 1, -1))])
        places.append(min(max(first + int(np.argmin(wrong)), 1), n - 1))
        senses.append(1 if change > 0 else -1)
    return places, senses


def _carry(found: IntArray, offset: IntArray, away: range, other: int, level: int, n_codes: int) -> None:
    """Takes codes that noise has carried over a wrap as those of its other side, going away from it."""
    quiet = 0
    for i in away:
        if quiet == _APART:
            return
        over = abs(found[i] + other - level) < n_codes / 4 and abs(found[i] + offset[i] - level) > n_codes / 2
        quiet = 0 if over else quiet + 1
        if over:
            offset[i] = other


def _note(at: tuple[float, ...], falls: tuple[bool, ...], n: int, top: int) -> str:
    shown = " and ".join(
        f"fall from {top} to 0 at x = {x:.6g}" if fall else f"rise from 0 to {top} at x = {x:.6g}"
        for x, fall in zip(at, falls, strict=True)
    )
    one = n == 1
    return (
        f"Codes wrap: going up in x, they {shown}: {n} conversion{'' if one else 's'} beyond "
        f"{'is' if one else 'are'} taken as the end of the scale that {'it has' if one else 'they have'} passed."
    )
