"""The figure of a fitted device: errors against conductance with what was fitted, and a Q-Q plot."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy import stats

from rampjax.config.device_error import quantile_moments
from rampjax.report import style

Floats = NDArray[np.float64]
_MOST_POINTS = 4000
_BAND = 0.95
_CROSS: dict[str, Any] = {"marker": "x", "s": 14, "linewidths": 0.8, "rasterized": True}


def device_fit_png(
    target_uS: Floats,
    error_uS: Floats,
    g_uS: Floats,
    mean_uS: Floats,
    sigma_uS: Floats,
    z: Floats,
    note: str,
    sampled_z: Floats | None = None,
    outlier_z: float | None = None,
) -> bytes:
    """Draws a fit and returns it as PNG.

    Args:
        target_uS: target of each fitted error.
        error_uS: the errors, measured minus target.
        g_uS: conductances at which the fit is drawn.
        mean_uS: fitted mean error there.
        sigma_uS: fitted standard deviation of a measured error there, read noise and relaxation included.
        z: the errors in standard deviations of the fit; outliers among them where they are drawn as measured.
        note: what the test of normality says.
        sampled_z: quantiles by which errors are drawn instead of normal ones, at evenly spaced probabilities, in the
            same unit.
        outlier_z: beyond this an error is an outlier, which the fit does not know; None: there are none in `z`.
    """
    with style.figure_look():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.9)
        left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
        drawn_z = None if sampled_z is None else _standardised(sampled_z)
        _draw_errors(left, target_uS, error_uS, g_uS, mean_uS, sigma_uS, drawn_z)
        _draw_quantiles(right, z, note, sampled_z, outlier_z)
        _legend(figure, sampled_z is not None, outlier_z is not None)
        return style.to_png(figure)


def _draw_errors(
    ax: Axes,
    target_uS: Floats,
    error_uS: Floats,
    g_uS: Floats,
    mean_uS: Floats,
    sigma_uS: Floats,
    sampled_z: Floats | None,
) -> None:
    shown = np.linspace(0, len(error_uS) - 1, min(len(error_uS), _MOST_POINTS)).astype(int)
    ax.scatter(target_uS[shown], error_uS[shown], **_points(len(shown)))
    ax.axhline(0, color=style.INK, linewidth=0.6, zorder=1.5)
    ax.plot(g_uS, mean_uS, color=style.OKABE_ITO[1], zorder=3)
    ends = np.array([(1 - _BAND) / 2, (1 + _BAND) / 2])
    reach = stats.norm.ppf(ends) if sampled_z is None else _sampled_at(ends, sampled_z)
    for one in reach:
        ax.plot(g_uS, mean_uS + one * sigma_uS, color=style.OKABE_ITO[1], linestyle=(0, style.DASHES[1]), zorder=3)
    ax.set(xlabel="Target conductance (µS)", ylabel="Measured − target (µS)", title="Programming error")
    ax.margins(x=0.02)


def _draw_quantiles(ax: Axes, z: Floats, note: str, sampled_z: Floats | None, outlier_z: float | None) -> None:
    n = len(z)
    rank = np.arange(1, n + 1)
    place = stats.norm.ppf((rank - 0.5) / n)
    # The k-th of n uniform numbers is distributed as beta(k, n + 1 - k).
    low, high = (stats.norm.ppf(stats.beta.ppf(p, rank, n + 1 - rank)) for p in ((1 - _BAND) / 2, (1 + _BAND) / 2))
    ax.fill_between(place, low, high, color=style.GUIDE, alpha=0.35, linewidth=0)
    ends = place[[0, -1]]
    ax.plot(ends, ends, color=style.OKABE_ITO[1], zorder=2)
    if sampled_z is not None:
        ax.plot(place, _sampled_at((rank - 0.5) / n, sampled_z), color=style.OKABE_ITO[2], zorder=2.5)
    ends_shown = np.minimum(rank, n + 1 - rank) <= _MOST_POINTS // 8
    shown = ends_shown | (rank % max(n // _MOST_POINTS, 1) == 0)
    ordered = np.sort(z)
    apart = np.abs(ordered) > (np.inf if outlier_z is None else outlier_z)
    ax.scatter(place[shown & ~apart], ordered[shown & ~apart], **_points(int(shown.sum())))
    if apart.any():
        ax.scatter(place[shown & apart], ordered[shown & apart], color=style.OKABE_ITO[0], **_CROSS)
    ax.set(xlabel="Quantile of a standard normal", ylabel="Standardised error", title=note)


def _standardised(sampled_z: Floats) -> Floats:
    """Of mean 0 and variance 1: the mean and the standard deviation of the device hold the rest."""
    mean, scale = quantile_moments(sampled_z)
    return (sampled_z - mean) / scale


def _sampled_at(probability: Floats, sampled_z: Floats) -> Floats:
    return np.interp(probability, np.linspace(0, 1, len(sampled_z)), sampled_z)


def _points(n: int) -> dict[str, Any]:
    return {"s": 5, "color": style.OKABE_ITO[0], "alpha": 0.55 if n < 500 else 0.3, "linewidths": 0, "rasterized": True}


def _legend(figure: Figure, sampled: bool, apart: bool) -> None:
    colour = style.OKABE_ITO[1]
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=style.OKABE_ITO[0], marker="o", markersize=3, linestyle="", label="measured"),
        Line2D([], [], color=colour, label="fit: mean, normal"),
        Line2D([], [], color=colour, linestyle=(0, style.DASHES[1]), label="95 % of errors"),
        Patch(facecolor=style.GUIDE, alpha=0.35, label="95 % if normal"),
    ]
    if sampled:
        handles.insert(2, Line2D([], [], color=style.OKABE_ITO[2], label="as drawn"))
    if apart:
        cross = Line2D([], [], color=style.OKABE_ITO[0], marker="x", markersize=3.5, linestyle="", label="outlier")
        handles.insert(1, cross)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.4)
