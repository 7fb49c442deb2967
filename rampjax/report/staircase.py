"""A quantised function as a staircase, with the place of each realised riser: the picture above a transfer curve."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from numpy.typing import NDArray

from rampjax.report import style

ZOOM_STEPS = 2  # thresholds on either side of the centre of the inset
_CORNERS = ((0.57, 0.09), (0.05, 0.55), (0.57, 0.55), (0.05, 0.09))  # lower left points of the inset, in axes units
_INSET = (0.39, 0.40)


def draw_staircase(ax: Axes, bands: pd.DataFrame, colour: str, centre: int) -> None:
    """Draws the target staircase with a box at each riser, from the 5 to the 95 % quantile of its realised threshold.

    Args:
        ax: Where to draw.
        bands: The thresholds of one design, ascending.
        colour: Colour of the boxes.
        centre: The threshold (counted from 0) on which an inset zooms, where a corner is free for it.
    """
    x = bands["x_target"].to_numpy(float)
    boundaries = bands["boundary"].to_numpy(float)
    lsb = lsb_of(boundaries)
    pad_x = 0.06 * (x[-1] - x[0]) or 1.0
    _draw(ax, bands, colour, lsb, pad_x)
    ax.set_xlim(x[0] - pad_x, x[-1] + pad_x)
    height = boundaries.max() - boundaries.min() + lsb
    ax.set_ylim(boundaries.min() - 0.5 * lsb - 0.05 * height, boundaries.max() + 0.5 * lsb + 0.05 * height)
    if _is_heavy_tailed(x):
        ax.set_xscale("symlog", linthresh=float(np.subtract(*np.quantile(x, [0.75, 0.25]))))
    if x.size > 2 * ZOOM_STEPS + 1:
        _draw_inset(ax, bands, colour, lsb, centre)


def zoom_centre(bands: pd.DataFrame) -> int:
    """Returns the threshold, counted from 0, of the widest error, with room for the inset on both sides."""
    widest = int(np.argmax((bands["inl_p95"] - bands["inl_p05"]).to_numpy(float)))
    return int(np.clip(widest, ZOOM_STEPS, max(len(bands) - 1 - ZOOM_STEPS, ZOOM_STEPS)))


def _draw(ax: Axes, bands: pd.DataFrame, colour: str, lsb: float, pad_x: float) -> None:
    x, low, high = (bands[name].to_numpy(float) for name in ("x_target", "x_p05", "x_p95"))
    boundaries = bands["boundary"].to_numpy(float)
    step = riser_directions(boundaries)
    levels = np.append(boundaries - 0.5 * step * lsb, boundaries[-1] + 0.5 * step[-1] * lsb)
    edges = np.concatenate(([x[0] - pad_x], x, [x[-1] + pad_x]))
    ax.stairs(levels, edges, baseline=None, color=style.INK, linewidth=0.75, zorder=3)
    bottom, top = boundaries - 0.5 * lsb, boundaries + 0.5 * lsb
    corners = [np.column_stack(pair) for pair in ((low, bottom), (high, bottom), (high, top), (low, top))]
    ax.add_collection(
        PolyCollection(list(np.stack(corners, axis=1)), facecolor=colour, alpha=0.5, linewidth=0, zorder=2.5)
    )


def _draw_inset(ax: Axes, bands: pd.DataFrame, colour: str, lsb: float, centre: int) -> None:
    """Enlarges a few risers in a free corner; nothing where none is free, or where one box would fill the inset."""
    corner = _free_corner(ax, bands)
    near = bands.iloc[centre - ZOOM_STEPS : centre + ZOOM_STEPS + 1]
    x, boundaries = near["x_target"].to_numpy(float), near["boundary"].to_numpy(float)
    margin = 0.5 * float(np.median(np.diff(x)))
    boxes = (near["x_p95"] - near["x_p05"]).to_numpy(float)
    if corner is None or np.median(boxes) > x[-1] - x[0]:
        return
    inset = ax.inset_axes((*corner, *_INSET))
    _draw(inset, bands, colour, lsb, margin)
    inset.set_xlim(x[0] - margin, x[-1] + margin)
    inset.set_ylim(boundaries.min() - 0.9 * lsb, boundaries.max() + 0.9 * lsb)
    inset.set(xticks=[], yticks=[])
    for spine in inset.spines.values():
        spine.set(visible=True, color=style.GREY, linewidth=0.6)
    frame = ax.indicate_inset_zoom(inset, edgecolor=style.GREY, linewidth=0.6, alpha=0.8)
    # lines from the frame to an inset on the other side would run across the staircase
    middle = ax.transAxes.inverted().transform(ax.transData.transform((x[ZOOM_STEPS], boundaries[ZOOM_STEPS])))[0]
    if abs(middle - corner[0] - 0.5 * _INSET[0]) > 0.4:
        for line in frame.connectors or ():
            line.set_visible(False)


def _free_corner(ax: Axes, bands: pd.DataFrame) -> tuple[float, float] | None:
    """Returns the first corner of the axes through which the staircase does not run."""
    dense = np.linspace(0, 1, 501)
    lines = []
    for name in ("x_p05", "x_target", "x_p95"):
        points = bands[[name, "boundary"]].to_numpy(float)
        across, up = ax.transAxes.inverted().transform(ax.transData.transform(points)).T
        lines.append(np.interp(dense, across, up))
    for left, bottom in _CORNERS:
        inside = (dense > left - 0.03) & (dense < left + _INSET[0] + 0.03)
        if not any(np.any(inside & (up > bottom - 0.05) & (up < bottom + _INSET[1] + 0.05)) for up in lines):
            return left, bottom
    return None


def _is_heavy_tailed(x: NDArray[np.float64]) -> bool:
    quartiles = np.quantile(x, [0.25, 0.75])
    return bool((x[-1] - x[0]) > 20 * (quartiles[1] - quartiles[0]) > 0)


def lsb_of(boundaries: NDArray[np.float64]) -> float:
    """Returns one output step in units of the function: the smallest distance between two boundaries."""
    distances = np.diff(np.unique(boundaries))
    # boundaries are stored with six digits: what differs only by rounding is the same boundary
    distances = distances[distances > 1e-4 * np.max(distances, initial=0.0)]
    return float(np.median(distances)) if distances.size else 1.0


def riser_directions(boundaries: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns +1 where the code counts up at a threshold, -1 where it counts down.

    Neighbours with the same boundary lie on both sides of an extremum, so the direction turns between them; otherwise
    both have the direction of their difference.
    """
    change = np.sign(np.diff(boundaries))
    known = np.flatnonzero(change)
    if known.size == 0:
        return np.where(np.arange(boundaries.size) % 2 == 0, 1.0, -1.0)
    step = np.zeros(boundaries.size)
    first = known[0]
    step[first] = change[first]
    for k in range(first - 1, -1, -1):
        step[k] = -step[k + 1]
    for k in range(first + 1, boundaries.size):
        step[k] = change[k - 1] if change[k - 1] else -step[k - 1]
    return step
