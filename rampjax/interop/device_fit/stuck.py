"""Rows that are set apart before a fit: stuck cells, and outliers.

A row is far off where its error lies many standard deviations from the mean. Far-off rows whose *measured* conductances
crowd at one value, whatever their targets, are stuck cells; the rest are outliers. Crowded is what uniformly scattered
rows would not be: by the chance of as many in one window (a Poisson scan). A device that once read its target is not
stuck, however far it relaxed later.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rampjax.interop.device_fit.rows import Rows, range_numbers
from rampjax.interop.device_fit.series import Floats

FAR = 4.5  # standard deviations: of 100 000 normal errors, less than one lies further off
MOST_OUTLIERS = 0.05  # a larger share of first reads is no accident, but how the devices are
MOST_AGED = 0.002  # the same of later reads: a device that wrote well and moved far is how it relaxes
CONFIDENCE = 0.95
_FAR_AT_FIRST = 6.0  # of the rough scale at the start
_CHANCE, _CHANCE_ALONE = 1e-3, 0.05  # that a crowd is none; where nothing else is far off
_LEAST = 3
_WIDTHS = (0.0, 0.05, 0.2)  # of a crowd, relative to its conductance
_FLOORS = (
    4.0,
    1.0,
    0.25,
)  # and at least, in standard deviations: stuck cells may agree far better than programmed ones
_NARROW = 4  # rows of a crowd of the narrower floors
_ROWS_PER_BIN = 12
_MOST_BINS = 12
_MOST_CROWDS = 6  # that are looked at, to find two of stuck cells


@dataclass(frozen=True)
class Stuck:
    """Cells stuck at one level."""

    g_uS: float
    g_low_uS: float  # ends of the interval of the level
    g_high_uS: float
    n_stuck: int
    n_seen: int  # devices (or rows) whose target is far enough from the level to show it
    n_maybe: int = 0  # others that are far off and may be stuck: the interval counts them at its upper end

    @property
    def prob(self) -> float:
        return self.n_stuck / self.n_seen if self.n_seen else 0.0

    @property
    def prob_interval(self) -> tuple[float, float]:
        return clopper_pearson(self.n_stuck, self.n_seen)[0], clopper_pearson(self.n_stuck + self.n_maybe, self.n_seen)[
            1
        ]


@dataclass(frozen=True, eq=False)
class Sorted:
    """Which rows are kept, and what was found of the others."""

    kept: NDArray[np.bool_]
    outlier: NDArray[np.bool_]
    levels: tuple[Stuck, ...]  # ascending
    stuck: NDArray[np.bool_]
    many_first: bool = False  # outliers among first reads are kept: too many to be accidents
    many_aged: bool = False  # the same of later reads


def not_found(rows: Rows, sorted_: Sorted) -> tuple[Stuck | None, Stuck | None]:
    """OFF and ON as where no such cell was found: too few far-off rows to tell may still be stuck cells."""
    if np.ptp(rows.target_uS) == 0:
        return None, None
    sign = np.sign(rows.error_uS)
    wrote = np.bincount(rows.cluster, sorted_.kept & rows.first) > 0
    suspect = sorted_.outlier & ~wrote[rows.cluster]
    maybe = (len(np.unique(rows.cluster[suspect & (sign == side)])) for side in (-1, 1))
    n_seen = len(np.unique(rows.cluster))
    off, on = (Stuck(0.0, 0.0, 0.0, 0, n_seen, n_maybe) for n_maybe in maybe)
    return off, on


def clopper_pearson(n: int, of: int) -> tuple[float, float]:
    """The exact interval of a probability (Clopper and Pearson, 1934, Biometrika 26, 404)."""
    if not of:
        return 0.0, 1.0
    tail = (1 - CONFIDENCE) / 2
    low = float(stats.beta.ppf(tail, n, of - n + 1)) if n else 0.0
    high = float(stats.beta.isf(tail, n + 1, of - n)) if n < of else 1.0
    return low, high


def rough_scale(rows: Rows) -> tuple[Floats, Floats]:
    """Medians and scaled median deviations of the errors, bin by bin of targets: robust up to half of the rows."""
    error = rows.error_uS
    n_bins = int(np.clip(len(error) // _ROWS_PER_BIN, 1, _MOST_BINS))
    edges = np.unique(np.quantile(rows.u, np.linspace(0, 1, n_bins + 1)))
    place = range_numbers(rows.u, edges)
    middle, scale = np.empty(len(error)), np.empty(len(error))
    for bin_ in np.unique(place):
        inside = place == bin_
        middle[inside] = np.median(error[inside])
        off = np.abs(error[inside] - middle[inside])
        # Readings in coarse steps may have a median deviation of 0.
        scale[inside] = 1.4826 * np.median(off) or off.mean()
    return middle, np.maximum(scale, 1e-9 * (np.abs(error).max() or 1.0))


def sort_rows(rows: Rows, mean_uS: Floats, sigma_uS: Floats, before: Sorted | None = None) -> Sorted:
    """Sets stuck cells and outliers apart.

    Args:
        rows: the rows.
        mean_uS: mean error at each row.
        sigma_uS: standard deviation of a single read there.
        before: how they were sorted last: kinds of which there were too many then are kept for good. None: the first
            time, when mean and sigma are rough.
    """
    off = np.abs(rows.error_uS - mean_uS)
    far = off > (_FAR_AT_FIRST if before is None else FAR) * sigma_uS
    right = off <= FAR * sigma_uS
    if rows.tolerance_uS is not None:
        right |= np.abs(rows.error_uS) <= rows.tolerance_uS
    left = far.copy()
    found: list[Stuck] = []
    stuck = np.zeros(len(far), dtype=bool)
    for _ in range(_MOST_CROWDS):
        crowd = _crowd(rows, left, float(np.median(sigma_uS)))
        if crowd is None or len(found) == 2:
            break
        one, its_rows = _stuck_level(rows, crowd, right, sigma_uS)
        if one.n_stuck:
            found.append(one)
            stuck |= its_rows
        left &= ~(its_rows | crowd)
    outlier = far & ~stuck
    many = []
    for kind, share, name in ((rows.first, MOST_OUTLIERS, "many_first"), (~rows.first, MOST_AGED, "many_aged")):
        counted = int((outlier & kind).sum())
        too_many = counted > max(share * (kind & ~stuck).sum(), 2) or (before is not None and getattr(before, name))
        many.append(bool(too_many))
        if too_many:
            outlier &= ~kind
    levels = tuple(sorted(found, key=lambda one: one.g_uS))
    # Of the rough start nothing is for good.
    said = (False, False) if before is None else (many[0], many[1])
    return Sorted(~(stuck | outlier), outlier, levels, stuck, *said)


def _crowd(rows: Rows, far: NDArray[np.bool_], sigma_uS: float) -> NDArray[np.bool_] | None:
    """The largest crowd of far-off rows at one measured value; None where there is none."""
    at = np.flatnonzero(far)
    if len(at) < _LEAST or np.ptp(rows.target_uS) == 0:
        return None
    at = at[np.argsort(rows.measured_uS[at])]
    values = rows.measured_uS[at]
    span = float(max(np.ptp(rows.measured_uS), np.ptp(rows.target_uS)))
    chance, width, members = 2.0, 0.0, at[:0]
    for share, floor in [*((share, _FLOORS[0]) for share in _WIDTHS), *((0.0, floor) for floor in _FLOORS[1:])]:
        # Cells stuck at large conductances differ more.
        widths = np.maximum(max(floor * sigma_uS, 1e-6 * span), share * np.abs(values))
        ends = np.searchsorted(values, values + widths, side="right")
        counts = ends - np.arange(len(values))
        chances = stats.poisson.sf(counts - 1, len(at) * np.minimum(widths / span, 1.0)) * span / widths
        chances[counts < (_LEAST if floor == _FLOORS[0] else _NARROW)] = 1.0
        first = int(np.argmin(chances))
        if chances[first] < chance:
            chance, width, members = float(chances[first]), float(widths[first]), at[first : ends[first]]
    targets = rows.target_uS[members]
    # A second peak of the error goes along with its target; a stuck cell does not.
    wide = len(members) > 0 and np.ptp(targets) > max(width, 0.2 * np.ptp(rows.target_uS))
    limit = _CHANCE_ALONE if len(members) >= 0.9 * len(at) else _CHANCE
    if len(members) < _LEAST or not wide or chance > limit:
        return None
    return far & (np.abs(rows.measured_uS - np.median(rows.measured_uS[members])) <= _reach(rows, members, width))


def _reach(rows: Rows, members: NDArray[np.intp], width_uS: float) -> float:
    """How far from its middle a crowd may reach: its densest window is only its core."""
    values = rows.measured_uS[members]
    return max(width_uS, 6 * 1.4826 * float(np.median(np.abs(values - np.median(values)))))


def _stuck_level(
    rows: Rows, crowd: NDArray[np.bool_], right: NDArray[np.bool_], sigma_uS: Floats
) -> tuple[Stuck, NDArray[np.bool_]]:
    """The level of a crowd, and all rows of the devices that are stuck there."""
    g_uS = float(np.median(rows.measured_uS[crowd]))
    shows = (np.abs(rows.target_uS - g_uS) > FAR * sigma_uS) | crowd
    n_all = rows.cluster.max() + 1
    # An event that once read its target has moved since, wherever it is now.
    wrote = np.bincount(rows.event, right) > 0
    crowd = crowd & ~wrote[rows.event]
    n_crowd, n_shown, n_right = (np.bincount(rows.cluster, one, n_all) for one in (crowd, shows, shows & right))
    is_stuck = (2 * n_crowd > n_shown) & (n_right == 0)
    its_rows = is_stuck[rows.cluster]
    if not is_stuck.any():
        return Stuck(g_uS, g_uS, g_uS, 0, int((n_shown > 0).sum())), its_rows
    g_uS = float(np.median(rows.measured_uS[crowd & its_rows]))
    low, high = _median_interval(rows.measured_uS[crowd & its_rows])
    return Stuck(g_uS, low, high, int(is_stuck.sum()), int((n_shown > 0).sum())), its_rows


def _median_interval(values: Floats) -> tuple[float, float]:
    """The interval of a median by order statistics; from end to end where there are few values."""
    ordered = np.sort(values)
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, len(values), 0.5))
    rank = max(rank - 1, 0)
    return float(ordered[rank]), float(ordered[-1 - rank])
