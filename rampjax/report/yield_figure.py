"""The main figure of a study: yield against the spec."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from rampjax.report import style
from rampjax.report.answer import confidence_text
from rampjax.report.labels import Value, setting
from rampjax.report.meta import ReportMeta, measure_label, measure_unit
from rampjax.report.points import View, select
from rampjax.report.sides import NO_NOISE, Side, is_noisy, mark_note, marked, sides, unknown_noise
from rampjax.report.tables import Tables

_THICK: Final = 1.5
_THIN: Final = 0.75
_LEAST_OCTAVE = 1 / 16  # smaller powers of two have too many digits


def draw_yield_vs_spec(meta: ReportMeta, tables: Tables, view: View) -> tuple[Figure, str, str]:
    """Draws the share of chips inside a spec against the spec: a line per compared value, a panel per function.

    Beside the yield of the study's own measure, thick, stands the other one of `sides`, thin.
    """
    panel_key = _panel_key(view)
    panel_values: tuple[Value, ...] = style.spaced(view.values[panel_key], style.MAX_PANELS) if panel_key else ("",)
    where = view.where(**({panel_key: None} if panel_key else {}))
    curves = select(tables.curves, where)
    both = sides(meta, is_noisy(tables, where))
    styles = style.compared_styles(view)
    rows, columns = style.grid_shape(len(panel_values))
    width = style.SINGLE_COLUMN_IN if columns == 1 else style.DOUBLE_COLUMN_IN
    figure = style.new_figure(width, 0.75 + rows * (2.0 if columns == 1 else 1.85))
    limits = _spec_limits([side.of(curves) for side in both], meta.specs_lsb)
    limits = (0.0, max(np.ceil(limits[1]), 1.0)) if meta.counts else limits
    lines = [_to_limits(side.of(curves), view, panel_key, limits) for side in both]
    axes = style.panels(figure, len(panel_values), share_x=True, share_y=True)
    for index, (ax, value) in enumerate(zip(axes, panel_values, strict=True)):
        device = {**view.fixed, **where, **({panel_key: value} if panel_key else {})}.get("device")
        # Without a read noise the total yield would say that there is none.
        shown = lines[:1] if unknown_noise(meta, device) else lines
        for place, line in enumerate(shown):
            of_panel = select(line, {panel_key: value}) if panel_key else line
            _yield_lines(ax, of_panel, view, styles, thin=place > 0, steps=meta.counts)
        for spec_lsb in meta.specs_lsb:
            ax.axvline(spec_lsb, color=style.GUIDE, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1.6)
        _count_axis(ax, limits) if meta.counts else _spec_axis(ax, limits, view.spec_lsb)
        ax.set_ylim(-0.02, 1.02)
        ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=""))
        if panel_key:
            ax.set_title(marked(meta, panel_key, value, setting(panel_key, value)))
        if index % columns == 0:
            ax.set_ylabel("Chips inside the spec (%)")
        if index + columns >= len(panel_values):
            ax.set_xlabel(_spec_label(meta, both))
    style.heading(figure, "Yield against spec", style.slice_heading(view, panel_key))
    devices = panel_values if panel_key == "device" else (view.fixed.get("device", ""),)
    _legend(figure, view, styles, both, mark_note(meta, devices))
    return figure, _caption(meta, view, panel_key, panel_values, both), _alt(both)


def _spec_label(meta: ReportMeta, both: Sequence[Side]) -> str:
    if meta.counts:
        return f"Spec: at most so many {measure_label(meta.yield_of)}"
    named = measure_label(meta.yield_of) if len(both) == 1 else "the error"
    return f"Spec on {named} ({measure_unit(meta.yield_of)})"


def _legend(figure: Figure, view: View, styles: style.Styles, both: Sequence[Side], marked_as: str) -> None:
    """Names the compared values, what thick and thin lines are, and what a mark stands for."""
    handles = style.style_handles(styles, view.compare) if view.compare else []
    if len(both) > 1:
        for side, width in zip(both, (_THICK, _THIN), strict=True):
            label = f"{side.words}: {measure_label(side.measure)}"
            handles.append(Line2D([], [], color=style.GREY, linewidth=width, label=label))
    if marked_as:
        handles.append(Line2D([], [], linestyle="none", label=marked_as.rstrip(" .")))
    if handles:
        style.legend_below(figure, handles)


def _caption(
    meta: ReportMeta, view: View, panel_key: str | None, panel_values: tuple[Value, ...], both: Sequence[Side]
) -> str:
    of = measure_label(both[0].measure)
    said = f"Share of chips whose {of} stays inside the spec, against the spec."
    if meta.counts:
        said = f"Share of chips with at most so many {of}."
    if len(both) > 1:
        other = both[1]
        said = (
            f"Share of chips inside the spec, against the spec. Thick: {both[0].words}, their {of}; thin: "
            f"{other.words}, their {measure_label(other.measure)}."
        )
    elif not meta.counts:
        said += f" {NO_NOISE[0].upper()}{NO_NOISE[1:]}."
    devices = panel_values if panel_key == "device" else (view.fixed.get("device", ""),)
    unknown = mark_note(meta, devices)
    said += f" {unknown}Their total yield is not drawn." if unknown and len(both) > 1 else f" {unknown}".rstrip()
    return (
        f"{said} Light bands: {confidence_text(meta.confidence)} confidence interval. Dotted: the specs of the yield "
        f"table. {style.choice_text(view, style.MAX_LINES, panel_key)}"
    )


def _alt(both: Sequence[Side]) -> str:
    return (
        f"Lines of yield against the spec on the {' and on the '.join(measure_label(side.measure) for side in both)}."
    )


def _yield_lines(
    ax: Axes, curves: pd.DataFrame, view: View, styles: style.Styles, *, thin: bool = False, steps: bool = False
) -> None:
    look: dict[str, Any] = {"linewidth": _THIN if thin else _THICK, "drawstyle": "steps-post" if steps else "default"}
    of_value = {
        value: (curves if view.compare is None else curves[curves[view.compare] == value], colour, dashes)
        for value, (colour, dashes) in (styles or {"": (style.OKABE_ITO[0], style.SOLID)}).items()
    }
    for line, colour, _ in of_value.values():
        band = (line["spec_lsb"], line["ci_low"], line["ci_high"])
        ax.fill_between(*band, color=colour, alpha=0.2, linewidth=0, step="post" if steps else None)
    for line, colour, dashes in of_value.values():
        # dashes are lengths in line widths: thin lines have them as long as thick ones
        pattern = (0, tuple(length * _THICK / look["linewidth"] for length in dashes)) if dashes else "-"
        ax.plot(line["spec_lsb"], line["yield_fraction"], color=colour, linestyle=pattern, **look)


def _to_limits(curves: pd.DataFrame, view: View, panel_key: str | None, limits: tuple[float, float]) -> pd.DataFrame:
    """Returns curves sorted by spec, each drawn on to the ends of the axis where it has reached 0 or 1."""
    keys = [key for key in (view.compare, panel_key) if key is not None]
    parts = []
    for _, group in curves.groupby(keys, sort=False) if keys else [((), curves)]:
        line = group.sort_values("spec_lsb")
        # below a spec that no chip meets, and above one that all meet, nothing changes: neither share nor interval
        if line["yield_fraction"].iloc[0] == 0 and line["spec_lsb"].iloc[0] > limits[0]:
            line = pd.concat([line.iloc[:1].assign(spec_lsb=limits[0]), line])
        if line["yield_fraction"].iloc[-1] == 1 and line["spec_lsb"].iloc[-1] < limits[1]:
            line = pd.concat([line, line.iloc[-1:].assign(spec_lsb=limits[1])])
        parts.append(line)
    return pd.concat(parts, ignore_index=True)


def _panel_key(view: View) -> str | None:
    """Returns what the panels show: the functions, else the bit widths, else the next key that varies."""
    free = [key for key in view.keys if key != view.compare]
    return next((key for key in ("function", "bits") if key in free), free[0] if free else None)


def _spec_limits(lines: Sequence[pd.DataFrame], specs_lsb: tuple[float, ...]) -> tuple[float, float]:
    """Returns the range of specs over which some line still moves, with every spec of the study inside."""
    curves = pd.concat(lines)
    rising = curves[(curves["yield_fraction"] > 0.002) & (curves["yield_fraction"] < 0.998)]["spec_lsb"]
    ends = [*specs_lsb, *([rising.min(), rising.max()] if len(rising) else [])]
    return min(ends) / 1.12, max(ends) * 1.12


def _count_axis(ax: Axes, limits: tuple[float, float]) -> None:
    """Makes an axis of whole numbers from 0."""
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlim(-0.02 * limits[1], limits[1])


def _spec_axis(ax: Axes, limits: tuple[float, float], spec_lsb: float) -> None:
    """Makes the axis logarithmic, with ticks at powers of two where they fit, the headline spec among them."""
    ax.set_xscale("log")
    octaves = np.arange(np.ceil(np.log2(limits[0])), np.floor(np.log2(limits[1])) + 1)
    if limits[0] < _LEAST_OCTAVE and limits[1] < 100 * limits[0]:
        ticks = np.outer(10.0 ** np.arange(-4, 3), (1, 2, 5)).ravel()
        ax.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if limits[0] <= tick <= limits[1]]))
    elif len(octaves) <= 10:
        headline = round(np.log2(spec_lsb)) % 2
        labelled = octaves[octaves % 2 == headline] if len(octaves) > 6 else octaves
        ax.xaxis.set_major_locator(FixedLocator(list(2.0**labelled)))
        ax.xaxis.set_minor_locator(FixedLocator(list(2.0**octaves)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.3g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(limits)
