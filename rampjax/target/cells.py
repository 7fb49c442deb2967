"""Cuts a range into cells so that a cubic per cell follows a function to a small fraction of an output step.

Cells are the buckets of a grid that is even in `asinh((x - center)/scale)`: dense around a center, coarse far out, so
that heavy tails and a steep middle are both covered. Where the function has a kink, or a bucket is still too coarse,
it is split further. NumPy float64 throughout.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rampjax.target.named import Evaluate

Array1D = NDArray[np.float64]

NODES = np.array([0.0, 0.25, 0.75, 1.0])
_TO_COEFFICIENTS = np.linalg.inv(np.vander(NODES, increasing=True))
_PROBES = np.array([0.1, 0.5, 0.9])
_MAX_ROUNDS = 60
_MAX_PER_BUCKET = 40


class Warp(NamedTuple):
    """The bucket grid: `bucket = floor((asinh((x - center)/scale) - u_lo)*bucket_per_u)`."""

    center: float
    scale: float
    u_lo: float
    bucket_per_u: float
    edges: Array1D


def make_warp(center: float, scale: float, x_lo: float, x_hi: float, n_bucket: int, cuts: Array1D) -> Warp:
    """Returns a grid of `n_bucket` buckets over `[x_lo, x_hi]` whose edges keep clear of the `cuts`.

    Near an edge, rounding decides the bucket, and a kink there would be met from the wrong side; so the grid is shifted
    by the fraction of a bucket that leaves the most room.
    """
    u_first, u_last = np.arcsinh((np.array([x_lo, x_hi]) - center) / scale)
    bucket_per_u = (n_bucket - 1) / (u_last - u_first)
    shifts = (np.arange(32) + 0.5) / 32.0
    position = (np.arcsinh((cuts[:, None] - center) / scale) - u_first) * bucket_per_u + shifts
    room = np.abs(position - np.round(position)).min(axis=0, initial=0.5)
    u_lo = u_first - shifts[int(np.argmax(room))] / bucket_per_u
    inner = center + scale * np.sinh(u_lo + np.arange(1, n_bucket) / bucket_per_u)
    edges = np.concatenate(([x_lo], np.clip(inner, x_lo, x_hi), [x_hi]))
    return Warp(center, scale, float(u_lo), float(bucket_per_u), edges)


def per_bucket(warp: Warp, cuts: Array1D) -> NDArray[np.int64]:
    """Returns the bucket of each cut."""
    return np.searchsorted(warp.edges, cuts, side="right") - 1


def merge_cuts(warp: Warp, cuts: Array1D) -> Array1D:
    """Returns the edges of all cells: those of the buckets and the cuts."""
    return np.sort(np.concatenate((warp.edges, cuts)))


def fit_cells(evaluate: Evaluate, edges: Array1D) -> NDArray[np.float64]:
    """Returns `[cell, 4]` ascending coefficients, in the fraction of a cell, of the cubics through four points each."""
    return _values(evaluate, edges, NODES) @ _TO_COEFFICIENTS.T


def rebase(coefficients: NDArray[np.float64], offset: Array1D, factor: Array1D) -> NDArray[np.float64]:
    """Returns the coefficients of each `p(offset + factor*t)` in `t`."""
    c0, c1, c2, c3 = coefficients.T
    shifted = (
        c0 + offset * (c1 + offset * (c2 + offset * c3)),
        factor * (c1 + offset * (2.0 * c2 + offset * 3.0 * c3)),
        factor**2 * (c2 + offset * 3.0 * c3),
        factor**3 * c3,
    )
    return np.stack(shifted, axis=1)


def cell_errors(evaluate: Evaluate, edges: Array1D) -> Array1D:
    """Returns the error of the cubic in each cell, the largest of a few probes, in units of the function."""
    fitted = fit_cells(evaluate, edges) @ np.vander(_PROBES, 4, increasing=True).T
    error = np.abs(fitted - _values(evaluate, edges, _PROBES))
    return np.asarray(error.max(axis=1), np.float64)


def _values(evaluate: Evaluate, edges: Array1D, fraction: Array1D) -> NDArray[np.float64]:
    x = np.minimum(edges[:-1, None] + np.diff(edges)[:, None] * fraction, edges[1:, None])
    return evaluate(x.ravel()).reshape(x.shape)


def choose_warp(
    evaluate: Evaluate, x_lo: float, x_hi: float, n_bucket: int, cuts: Array1D, thresholds: Array1D, tolerance: float
) -> Warp:
    """Returns the grid that leaves least to split: the usual one around the thresholds, else the best of a search."""
    low, middle, high = np.quantile(thresholds, [0.25, 0.5, 0.75])
    span = x_hi - x_lo
    usual = make_warp(float(middle), max(float(high - low) / 4.0, 1e-9 * span), x_lo, x_hi, n_bucket, cuts)
    best, least = usual, _splits_needed(evaluate, usual, cuts, tolerance)
    if least <= 1:
        return usual
    few_cuts = cuts[:: max(1, cuts.size // 8)]
    for center in (x_lo, x_hi, float(middle), *few_cuts.tolist()):
        for scale in span * np.logspace(0.0, -30.0, 21):
            warp = make_warp(center, float(scale), x_lo, x_hi, n_bucket, cuts)
            needed = _splits_needed(evaluate, warp, cuts, tolerance)
            if needed < least:
                best, least = warp, needed
    return best


def _splits_needed(evaluate: Evaluate, warp: Warp, cuts: Array1D, tolerance: float) -> float:
    """Estimates how many cuts the fullest bucket will need."""
    if np.any(np.diff(warp.edges) <= 0.0):
        return np.inf
    counts = np.bincount(per_bucket(warp, cuts), minlength=warp.edges.size - 1)
    error = cell_errors(evaluate, merge_cuts(warp, cuts))
    # An error falls sixteenfold per halving in a smooth cell, and by a fixed small factor next to a singularity.
    return float(counts.max(initial=0)) + 2.0 * max(0.0, float(np.log2(max(error.max() / tolerance, 1.0))))


def split_cells(evaluate: Evaluate, warp: Warp, cuts: Array1D, tolerance: float) -> Array1D:
    """Returns `cuts` with more added until every cell's cubic is within `tolerance`, or its bucket holds enough.

    A cell that misses is cut at its kink, where one can be pinned down, else in the middle.
    """
    for _ in range(_MAX_ROUNDS):
        edges = merge_cuts(warp, cuts)
        counts = np.bincount(per_bucket(warp, cuts), minlength=warp.edges.size - 1)
        full = counts[np.clip(per_bucket(warp, edges[:-1]), 0, counts.size - 1)] >= _MAX_PER_BUCKET
        left, right = edges[:-1], edges[1:]
        room = right - left > 64.0 * np.spacing(np.maximum(np.abs(left), np.abs(right)))
        bad = (cell_errors(evaluate, edges) > tolerance) & room & ~full
        if not bad.any():
            break
        kink = locate_kinks(evaluate, left[bad], right[bad])
        # Close to an end it is rather the flank of a singularity there, for which halving is the better answer.
        margin = 0.01 * (right[bad] - left[bad])
        inside = (kink > left[bad] + margin) & (kink < right[bad] - margin)
        added = np.where(inside, kink, 0.5 * (left[bad] + right[bad]))
        cuts = np.setdiff1d(np.union1d(cuts, added), warp.edges)
    return cuts


def locate_kinks(evaluate: Evaluate, left: Array1D, right: Array1D) -> Array1D:
    """Returns where in each interval the function bends most sharply.

    Of the left, middle and right half of an interval the one with the largest second difference is kept. A kink's
    second difference shrinks with the width, anything smooth with its square, so that the kink wins; the search ends
    where rounding would decide.
    """
    low, high = left.copy(), right.copy()
    for _ in range(60):
        points = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, 5)
        y = evaluate(points.ravel()).reshape(points.shape)
        bend = np.abs(y[:, :3] - 2.0 * y[:, 1:4] + y[:, 2:])
        half = np.argmax(bend, axis=1)
        clear = bend.max(axis=1) > 256.0 * np.spacing(np.abs(y).max(axis=1))
        rows = np.arange(low.size)
        low, high = np.where(clear, points[rows, half], low), np.where(clear, points[rows, half + 2], high)
        if not clear.any():
            break
    return np.asarray(_crossing(evaluate, low, high, left, right), np.float64)


def _crossing(evaluate: Evaluate, low: Array1D, high: Array1D, left: Array1D, right: Array1D) -> Array1D:
    """Returns where lines that go on from both sides of `[low, high]` cross: the kink, if between; else the middle."""
    width = high - low
    x_left, x_right = np.maximum(low - width, left), np.minimum(high + width, right)
    y_left, y_low, y_high, y_right = (evaluate(x) for x in (x_left, low, high, x_right))
    with np.errstate(all="ignore"):
        slope_left, slope_right = (y_low - y_left) / (low - x_left), (y_right - y_high) / (x_right - high)
        crossing = (y_high - y_low + slope_left * low - slope_right * high) / (slope_left - slope_right)
    return np.where((crossing > low) & (crossing < high), crossing, 0.5 * (low + high))
