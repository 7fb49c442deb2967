"""The figure of fitted read noise: the spectra of the cells with their fits, and how far they wander in which time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from rampjax.report import style

Floats = NDArray[np.float64]
_PER_CELL: dict[str, Any] = {"linestyle": "", "markersize": 2.2, "markeredgewidth": 0, "alpha": 0.75}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def device_noise_png(record: Mapping[str, Any]) -> bytes:
    """Draws the noise of cells and returns it as PNG; of many cells some, evenly spaced in conductance.

    Args:
        record: what `rampjax device noise --json` prints.
    """
    by_mean = sorted(range(len(record["cell"])), key=lambda i: record["mean_uS"][i])
    shown = style.spaced(by_mean, style.MAX_LINES)
    with style.figure_look():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 3.1)
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        _draw_spectra(left, record, shown)
        _draw_wander(right, record, shown)
        left_out = len(by_mean) - len(shown)
        handles = _handles(record, shown)
        if left_out:
            handles.append(Line2D([], [], linestyle="", label=f"{left_out} more cells are not shown"))
        style.legend_below(figure, handles)
        return style.to_png(figure)


def _of_cell(record: Mapping[str, Any], key: str, i: int) -> Floats:
    """The values of one cell of a list that has several for each."""
    values: Floats = np.array(record[key]).reshape(len(record["cell"]), -1)[i]
    return values


def _draw_spectra(ax: Axes, record: Mapping[str, Any], shown: Sequence[Any]) -> None:
    f_Hz = np.array(record["f_Hz"])
    for place, i in enumerate(shown):
        colour = style.OKABE_ITO[place]
        ax.loglog(
            f_Hz,
            _of_cell(record, "spectrum_uS2_per_Hz", i),
            color=colour,
            marker=_MARKERS[place],
            zorder=2,
            **_PER_CELL,
        )
        ax.loglog(f_Hz, _of_cell(record, "spectrum_fitted_uS2_per_Hz", i), color=colour, linewidth=1.1, zorder=3)
    _draw_guide(ax, f_Hz, record, shown)
    ax.set(xlabel="Frequency (Hz)", ylabel="Spectrum (µS²/Hz)", title="Spectra, and their fits")


def _draw_guide(ax: Axes, f_Hz: Floats, record: Mapping[str, Any], shown: Sequence[Any]) -> None:
    """A line of slope -1 over a decade or two, above all that is drawn."""
    ends = np.quantile(np.log(f_Hz), (0.35, 0.65))
    at_Hz = np.exp(ends)
    inside = (f_Hz >= at_Hz[0]) & (f_Hz <= at_Hz[1])
    top = max(np.max(_of_cell(record, "spectrum_uS2_per_Hz", i)[inside] * f_Hz[inside]) for i in shown)
    ax.loglog(at_Hz, 2.5 * top / at_Hz, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    ax.annotate("1/f", (at_Hz[1], 2.5 * top / at_Hz[1]), xytext=(3, 0), textcoords="offset points", color=style.GREY)


def _draw_wander(ax: Axes, record: Mapping[str, Any], shown: Sequence[Any]) -> None:
    window_s = record["window_s"]
    for place, i in enumerate(shown):
        colour = style.OKABE_ITO[place]
        ax.loglog(
            window_s,
            _of_cell(record, "sd_within_uS", i),
            color=colour,
            marker=_MARKERS[place],
            linestyle="",
            markersize=4,
            markeredgewidth=0,
            zorder=3,
        )
        ax.loglog(window_s, _of_cell(record, "sd_within_fitted_uS", i), color=colour, linewidth=1.1, zorder=2)
    ax.set(xlabel="Duration (s)", ylabel="Standard deviation within it (µS)", title="How far it wanders")


def _handles(record: Mapping[str, Any], shown: Sequence[Any]) -> list[Line2D]:
    return [
        Line2D(
            [],
            [],
            color=style.OKABE_ITO[place],
            marker=_MARKERS[place],
            markersize=3.5,
            markeredgewidth=0,
            linewidth=1.1,
            label=f"{record['cell'][i][:16]}: {record['mean_uS'][i]:.3g} µS",
        )
        for place, i in enumerate(shown)
    ]
