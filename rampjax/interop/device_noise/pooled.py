"""One figure for a device out of several cells: their median or root mean square, and how far they are apart.

Cells of one array differ by an order of magnitude. A figure depends on the conductance only where cells at like
conductances are more alike than cells at others: five cells at five conductances cannot tell.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rampjax.interop.device_noise.spectrum import Floats

HOWS: Final = ("median", "rms")

_LEAST_GROUP: Final = 4  # cells
_MOST_GROUPS: Final = 6
_DIFFERS: Final = 0.01  # p-value
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, eq=False)
class Pooled:
    """A standard deviation of several cells, µS."""

    value_uS: float  # by median or root mean square
    median_uS: float
    rms_uS: float
    interval_uS: tuple[float, float] | None  # of the median, 95 %; None: too few cells for one
    range_uS: tuple[float, float]  # smallest and largest cell
    n_cells: int
    n_told: int  # cells whose figure the data exclude from 0
    table: tuple[Floats, Floats] | None  # (conductance, figure), where it depends on the conductance
    differs_p: float | None  # of cells at other conductances being alike; None: too few cells to ask


def pool(sigma_uS: Floats, told: NDArray[np.bool_], g_uS: Floats, how: str = "median") -> Pooled | None:
    """Returns one figure of several cells; None where most of them do not tell it.

    Args:
        sigma_uS: estimate of each cell.
        told: whether the data exclude 0; the estimates of others count all the same.
        g_uS: mean conductance of each cell.
        how: median, the typical cell; rms, of which the mean variance is that of the cells.
    """
    if 2 * told.sum() < len(sigma_uS):
        return None
    median, rms = float(np.median(sigma_uS)), _rms(sigma_uS)
    table, differs_p = _by_conductance(sigma_uS, g_uS, how)
    return Pooled(
        value_uS=median if how == "median" else rms,
        median_uS=median,
        rms_uS=rms,
        interval_uS=_median_interval(sigma_uS),
        range_uS=(float(sigma_uS.min()), float(sigma_uS.max())),
        n_cells=len(sigma_uS),
        n_told=int(told.sum()),
        table=table,
        differs_p=differs_p,
    )


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _median_interval(values: Floats) -> tuple[float, float] | None:
    """The order statistics between which the median lies, whatever the distribution."""
    ordered, n = np.sort(values), len(values)
    outside = int(stats.binom.ppf((1 - _CONFIDENCE) / 2, n, 0.5))  # ordered values below the interval
    if outside == 0:
        return None
    return float(ordered[outside - 1]), float(ordered[n - outside])


def _by_conductance(sigma_uS: Floats, g_uS: Floats, how: str) -> tuple[tuple[Floats, Floats] | None, float | None]:
    """The figure in groups of cells of neighbouring conductances, where these differ (Kruskal and Wallis 1952)."""
    n_groups = min(len(g_uS) // _LEAST_GROUP, _MOST_GROUPS)
    if n_groups < 2 or np.ptp(sigma_uS) == 0:
        return None, None
    groups = np.array_split(np.argsort(g_uS, kind="stable"), n_groups)
    p_value = float(stats.kruskal(*(sigma_uS[group] for group in groups)).pvalue)
    middle = np.array([g_uS[group].mean() for group in groups])
    if p_value >= _DIFFERS or not (np.diff(middle) > 1e-6 * middle[-1]).all() or middle[0] < 0:
        return None, p_value
    figure = np.array([np.median(sigma_uS[group]) if how == "median" else _rms(sigma_uS[group]) for group in groups])
    return (middle, figure), p_value
