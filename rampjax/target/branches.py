"""The monotone branches of a function on a range, or why it has none: poles, jumps, plateaus, too many pieces.

The function is known only by its values, so it is sampled: densely and evenly, more densely still on a logarithmic
scale around zero and the ends of the range, and at its known kinks. What is narrower than the samples (some 5e-5 of the
range) and leaves no trace in them is not seen.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.target.named import Evaluate, Function

MAX_BRANCHES = 64
_N_EVEN = 20_001
_JUMP_REL = 1e-5
_PLATEAU_REL = 5e-3
_FARTHEST = 1e300
_LARGEST = 1e300

Array1D = NDArray[np.float64]


class Branches(NamedTuple):
    """A function cut into monotone branches.

    Attributes:
        x: `[J+1]` ends of the branches, those of the range included (may be infinite).
        y: `[J+1]` the function there, or its limit.
        sample_x: Finite samples, ascending, extrema included.
        sample_y: The function at the samples.
        turn: Index of each interior extremum among the samples.
        noise: Differences of the output below this are taken for rounding.
        x_width: Width of the range; of its part where the function changes, where the range is infinite.
    """

    x: Array1D
    y: Array1D
    sample_x: Array1D
    sample_y: Array1D
    turn: NDArray[np.int64]
    noise: float
    x_width: float


def find_branches(function: Function, x_lo: float, x_hi: float) -> Branches:
    """Cuts `function` into monotone branches on `[x_lo, x_hi]`.

    Raises:
        InputError: Where it is undefined, has a pole, jumps, is constant, is flat in mid-range, or has more than
            `MAX_BRANCHES` branches; the sentence names the `x`.
    """
    x = _sample_points(function, x_lo, x_hi)
    y = function.evaluate(x)
    _check_finite(function.name, x, y)
    noise = rounding(y)
    if np.ptp(y) <= noise:
        raise InputError(
            f"`{function.name}` is constant on its range from {x_lo:.12g} to {x_hi:.12g}, so it has no thresholds."
        )
    turn = _turning_points(y, noise)
    if len(turn) < MAX_BRANCHES:
        x, y, turn = _refine_extrema(function.evaluate, x, y, turn)
    _check_finite(function.name, x, y)
    _check_jumps(function, x, y)
    if len(turn) >= MAX_BRANCHES:
        raise InputError(
            f"`{function.name}` rises and falls in {len(turn) + 1} pieces on its range from {x_lo:g} to {x_hi:g}; "
            f"at most {MAX_BRANCHES} are allowed."
        )
    x_width = _active_width(x, y)
    _check_plateaus(function.name, x, y, noise, _PLATEAU_REL * x_width)
    y_ends = [
        function.limit_lo if math.isinf(x_lo) else float(y[0]),
        function.limit_hi if math.isinf(x_hi) else float(y[-1]),
    ]
    return Branches(
        x=np.array([x_lo, *x[turn], x_hi]) + 0.0,
        y=np.array([y_ends[0], *y[turn], y_ends[1]]) + 0.0,
        sample_x=x,
        sample_y=y,
        turn=turn,
        noise=noise,
        x_width=x_width,
    )


def flat_stretches(y: Array1D) -> Iterator[tuple[int, int]]:
    """Yields first and last index of each run of exactly equal neighbouring samples."""
    same = np.concatenate(([False], y[1:] == y[:-1], [False]))
    edges = np.flatnonzero(same[1:] != same[:-1])
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _sample_points(function: Function, x_lo: float, x_hi: float) -> Array1D:
    core_lo = x_lo if math.isfinite(x_lo) else min(-50.0, x_hi - 50.0)
    core_hi = x_hi if math.isfinite(x_hi) else max(50.0, x_lo + 50.0)
    span = core_hi - core_lo
    near = span * np.logspace(-12.0, 0.0, 1201)
    parts = [np.linspace(core_lo, core_hi, _N_EVEN), near, -near, core_lo + near, core_hi - near, np.zeros(1)]
    if math.isinf(x_lo) or math.isinf(x_hi):
        far = np.concatenate((np.logspace(-12.0, 6.0, 5401), np.logspace(6.0, math.log10(_FARTHEST), 5881)))
        parts += [far, -far]
    parts.append(np.array(function.breakpoints))
    x = np.unique(np.concatenate(parts) + 0.0)
    return x[(x >= x_lo) & (x <= x_hi)]


def _check_finite(name: str, x: Array1D, y: Array1D) -> None:
    bad = ~(np.abs(y) <= _LARGEST)
    if not bad.any():
        return
    first = int(np.argmax(bad))
    if np.isnan(y[first]):
        raise InputError(f"`{name}` is not defined at x = {x[first]:.6g}; choose a range that avoids it.")
    last = first + int(np.argmin(np.append(bad[first:], False))) - 1
    if x[last] - x[first] > 1e-6 * (x[-1] - x[0]):
        raise InputError(
            f"`{name}` is too large for a floating-point number at x = {x[first]:.6g}; choose a smaller range."
        )
    pole = 0.0 if x[first] <= 0.0 <= x[last] else x[first]
    raise InputError(f"`{name}` has a pole at x = {pole:.6g}; choose a range that avoids it.")


def rounding(y: Array1D) -> float:
    """Returns the rounding error to expect: float32's where all values are float32 numbers (of a JAX callable, say)."""
    with np.errstate(over="ignore"):
        single = bool(np.all(y == y.astype(np.float32)))
    largest = float(np.abs(y).max())
    # Whole numbers are float32 numbers too, but then the coarser bound does no harm: their steps are larger.
    return largest * (8.0 * float(np.finfo(np.float32).eps) if single else 16.0 * float(np.finfo(np.float64).eps))


def _turning_points(y: Array1D, noise: float) -> NDArray[np.int64]:
    """Returns the index of every extremum that stands out of the noise, ends excluded."""
    step = np.flatnonzero(np.diff(y))
    sign = np.sign(np.diff(y)[step])
    candidates = [*(step[:-1][sign[1:] != sign[:-1]] + 1).tolist(), y.size - 1]
    turns: list[int] = []
    low = high = extreme = direction = 0
    for index in candidates:
        if direction == 0:
            low = index if y[index] < y[low] else low
            high = index if y[index] > y[high] else high
            if y[high] - y[low] > noise:
                direction, extreme = (1, high) if high > low else (-1, low)
        elif direction * (y[index] - y[extreme]) > 0.0:
            extreme = index
        elif direction * (y[extreme] - y[index]) > noise:
            turns.append(extreme)
            direction, extreme = -direction, index
    return np.array([_middle_of_run(y, index) for index in turns], np.int64)


def _middle_of_run(y: Array1D, index: int) -> int:
    """Returns the middle sample of those that equal, next to one another, the one at `index`."""
    differs = np.flatnonzero(y[index:] != y[index])
    return index + (int(differs[0]) - 1) // 2 if differs.size else index


def _refine_extrema(
    evaluate: Evaluate, x: Array1D, y: Array1D, turn: NDArray[np.int64]
) -> tuple[Array1D, Array1D, NDArray[np.int64]]:
    """Moves each extremum from the nearest sample to where it is, by ternary search, and adds it to the samples."""
    if turn.size == 0:
        return x, y, turn
    sign = np.where(y[turn] > y[np.concatenate(([0], turn[:-1]))], 1.0, -1.0)
    low, high = x[turn - 1], x[turn + 1]
    best_x, best_y = x[turn], y[turn]
    for _ in range(140):
        third = (high - low) / 3.0
        left, right = low + third, high - third
        y_left, y_right = evaluate(left), evaluate(right)
        for x_new, y_new in ((left, y_left), (right, y_right)):
            better = ~(sign * y_new <= sign * best_y)
            best_x, best_y = np.where(better, x_new, best_x), np.where(better, y_new, best_y)
        keep_left = sign * y_left >= sign * y_right
        low, high = np.where(keep_left, low, left), np.where(keep_left, right, high)
    x_all, first = np.unique(np.concatenate((x, best_x)), return_index=True)
    y_all = np.concatenate((y, best_y))[first]
    return x_all, y_all, np.searchsorted(x_all, best_x)


def _check_jumps(function: Function, x: Array1D, y: Array1D) -> None:
    """Raises InputError at a jump or pole: follows in each cell the half that changes more, down to adjacent floats."""
    left, right, y_left, y_right = x[:-1], x[1:], y[:-1], y[1:]
    limit = _JUMP_REL * float(np.ptp(y))
    found: list[float] = []
    while True:
        active = np.abs(y_right - y_left) > limit
        middle = left + 0.5 * (right - left)
        adjacent = (middle <= left) | (middle >= right)
        found += right[active & adjacent].tolist()
        active &= ~adjacent
        left, right, middle = left[active], right[active], middle[active]
        if left.size == 0:
            break
        y_left, y_right, y_middle = y_left[active], y_right[active], function.evaluate(middle)
        beyond = np.flatnonzero(~(np.abs(y_middle) <= _LARGEST))[:1]
        _check_finite(function.name, middle[beyond], y_middle[beyond])
        go_left = np.abs(y_middle - y_left) >= np.abs(y_right - y_middle)
        left, right = np.where(go_left, left, middle), np.where(go_left, middle, right)
        y_left, y_right = np.where(go_left, y_left, y_middle), np.where(go_left, y_middle, y_right)
    if found:
        width = float(np.ptp(x))
        at = min(found)
        at = 0.0 if abs(at) < 1e-12 * width else at
        fault = "has a pole" if _grows(function.evaluate, at, width) else "jumps"
        raise InputError(f"`{function.name}` {fault} at x = {at:.6g}; choose a range that avoids it.")


def _grows(evaluate: Evaluate, at: float, width: float) -> bool:
    """Whether the function keeps growing as `x` nears `at`, from either side."""
    distance = min(width, max(1.0, abs(at))) * np.array([1e-4, 1e-8, 1e-12])
    for side in (-1.0, 1.0):
        far, near = np.abs(np.diff(evaluate(at + side * distance)))
        if not near < 0.3 * far and near > 0.0:
            return True
    return False


def _active_width(x: Array1D, y: Array1D) -> float:
    """Width of the samples; where they go far out to stand for infinity, of those that differ from both ends."""
    if max(abs(x[0]), abs(x[-1])) < _FARTHEST:
        return float(x[-1] - x[0])
    tiny = 1e-6 * np.ptp(y)
    inside = np.flatnonzero((np.abs(y - y[0]) > tiny) & (np.abs(y - y[-1]) > tiny))
    return float(x[inside[-1]] - x[inside[0]]) if inside.size else float(x[-1] - x[0])


def _check_plateaus(name: str, x: Array1D, y: Array1D, noise: float, widest: float) -> None:
    """Raises InputError for a wide flat stretch, unless the function is saturated from there to an end of the range."""
    saturated_below = int(np.argmax(np.abs(y - y[0]) > noise))
    saturated_above = y.size - 1 - int(np.argmax(np.abs(y[::-1] - y[-1]) > noise))
    for first, last in flat_stretches(y):
        saturated = last <= saturated_below or first >= saturated_above
        if not saturated and x[last] - x[first] > widest:
            raise InputError(
                f"`{name}` is flat from x = {x[first]:.6g} to {x[last]:.6g}, so it has no unique threshold there; "
                "choose a range that avoids it."
            )
