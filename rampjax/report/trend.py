"""The figure of a sweep: the mean of a measure, and the yield, against a number that a study varies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, PercentFormatter

from rampjax.report import style
from rampjax.report.answer import confidence_text
from rampjax.report.labels import Value, name_of, setting, show, slice_text
from rampjax.report.meta import LEAST_LSB, ReportMeta, measure_label, measure_unit
from rampjax.report.points import View, select, swept_key
from rampjax.report.sides import Side, is_noisy, mark_note, marked, sides, unknown_noise
from rampjax.report.sweep_axis import SweepAxis, sweep_axis
from rampjax.report.tables import Tables

LEAST_VALUES = 3  # a line through fewer shows no trend
_MAX_COLUMNS = 4
_MAX_SPECS = 3
_WIDE = 30.0  # means that span more than this go on a logarithmic axis
_ALIKE = 0.03  # noise of lines that differ by less is one line
_DASH_DOT = (6, 1.5, 1, 1.5)
_THICK: dict[str, Any] = {"linewidth": 1.3, "marker": "o", "markersize": 2.6, "markeredgewidth": 0}
_THIN: dict[str, Any] = {
    **{"linewidth": 0.75, "marker": "o", "markersize": 2.8},
    **{"markeredgewidth": 0.6, "markerfacecolor": "white"},
}


def trend_key(view: View) -> str | None:
    """Returns the number along which to draw: not what is compared, bits last, most values; None where none will do."""
    free = swept_key([key for key in view.keys if key not in (view.compare, "bits")], view.values, LEAST_VALUES)
    return free or swept_key(view.keys, view.values, LEAST_VALUES)


@dataclass(frozen=True)
class _Sweep:
    """What is drawn against what: `x` along, a line per value of `line`, a column of panels per value of `column`."""

    x: str
    line: str | None
    column: str | None
    where: Mapping[str, Value]  # all else, held
    styles: style.Styles
    axis: SweepAxis

    def rows(self, frame: pd.DataFrame, at: Mapping[str, Value], value: Value) -> pd.DataFrame:
        """Returns the rows of one line, in the order of the axis."""
        where = {**self.where, **at, **({self.line: value} if self.line else {})}
        rows = select(frame, where)
        return rows.assign(_place=self.axis.places(rows[self.x].to_numpy(float))).sort_values("_place")


def _choose(view: View) -> _Sweep:
    x = trend_key(view)
    if x is None:
        raise ValueError("a trend needs a key with numbers")  # `draw_figures` asks first
    others = [key for key in view.keys if key != x]
    line = view.compare if view.compare != x else next(iter(others), None)
    column = next((key for key in sorted(others, key=lambda key: key != "case") if key != line), None)
    where = {key: value for key, value in view.slice.items() if key not in (x, line, column)}
    if line is None:
        styles: style.Styles = {"": (style.OKABE_ITO[0], style.SOLID)}
    elif line == view.compare:
        styles = style.compared_styles(view)
    else:
        styles = style.line_styles(view.values[line])
    return _Sweep(x, line, column, where, styles, sweep_axis(x, view.values[x]))


def draw_trend(meta: ReportMeta, tables: Tables, view: View) -> tuple[Figure, str, str]:
    """Draws the mean of the measure, and the yield at the specs, against a varied number: a line per compared value.

    Where another key varies too, its values are side by side, with the yield at the headline spec alone.
    """
    sweep = _choose(view)
    columns = style.spaced(view.values[sweep.column], _MAX_COLUMNS) if sweep.column else ()
    specs = [view.spec_lsb] if sweep.column else _specs(meta, view)
    shape = (2, len(columns)) if columns else style.grid_shape(1 + len(specs))
    figure = style.new_figure(style.DOUBLE_COLUMN_IN, 0.9 + (1.75 if shape[0] > 1 else 2.0) * shape[0])
    grid = figure.subplots(*shape, sharex=True, squeeze=False)
    both = sides(meta, is_noisy(tables, sweep.where))

    def shown(at: Mapping[str, Value]) -> Sequence[Side]:
        """The yields of a panel; the total one would flatter a device whose noise nobody knows."""
        unknown = unknown_noise(meta, {**view.fixed, **sweep.where, **at}.get("device"))
        return both[:1] if unknown else both

    if columns:
        for place, value in enumerate(columns):
            at = {sweep.column: value} if sweep.column else {}
            _draw_mean(grid[0, place], meta, tables, view, sweep, at)
            _draw_yield(grid[1, place], tables, view.spec_lsb, sweep, at, shown(at))
            grid[0, place].set_title(marked(meta, sweep.column or "", value, setting(sweep.column or "", value)))
        grid[1, 0].set_ylabel(f"Chips {meta.within(view.spec_lsb)} (%)")
    else:
        _draw_mean(grid.flat[0], meta, tables, view, sweep, {})
        for ax, spec_lsb in zip(grid.flat[1:], specs, strict=True):
            _draw_yield(ax, tables, spec_lsb, sweep, {}, shown({}))
            ax.set_ylabel(f"Chips {meta.within(spec_lsb)} (%)")
    _share_scale(list(grid[0] if columns else grid[0, :1]))
    grid.flat[0].set_ylabel(f"Mean {measure_label(meta.yield_of)} ({measure_unit(meta.yield_of)})")
    for place, ax in enumerate(grid.flat):
        sweep.axis.finish(ax, style.DOUBLE_COLUMN_IN / shape[1] - 0.6, label=place // shape[1] == shape[0] - 1)
    title = f"{measure_label(meta.yield_of)} and yield against {name_of(sweep.x)}"
    style.heading(figure, title[0].upper() + title[1:], style.slice_heading(view, sweep.x, sweep.line, sweep.column))
    _legend(figure, meta, tables, sweep, both)
    return figure, _caption(meta, tables, view, sweep, columns, both), f"Lines of {title}."


def _specs(meta: ReportMeta, view: View) -> list[float]:
    """Returns the specs that have a panel each: all, or the headline spec and its neighbours."""
    specs = sorted(meta.specs_lsb)
    first = min(max(specs.index(view.spec_lsb) - _MAX_SPECS // 2, 0), max(len(specs) - _MAX_SPECS, 0))
    return specs[first : first + _MAX_SPECS]


def _draw_mean(ax: Axes, meta: ReportMeta, tables: Tables, view: View, sweep: _Sweep, at: Mapping[str, Value]) -> None:
    summary = tables.summary
    means = summary[summary["measure"] == meta.yield_of]
    noise = summary[summary["measure"] == "noise_rms_lsb"]
    for value, (colour, dashes) in sweep.styles.items():
        rows = sweep.rows(means, at, value)
        _draw_line(ax, sweep, rows, ("mean", "mean_ci_low", "mean_ci_high"), colour, dashes)
    if _noise_beside(meta, tables):
        for colour, rows in _noise_lines(noise, sweep, at):
            joined = rows[rows[sweep.x] != sweep.axis.apart]
            ax.plot(joined["_place"], joined["mean"], color=colour, linewidth=0.9, linestyle=(0, _DASH_DOT), zorder=1.9)
            rest = rows[rows[sweep.x] == sweep.axis.apart]
            ax.plot(rest["_place"], rest["mean"], color=colour, linestyle="", marker="_", markersize=7)
    if measure_unit(meta.yield_of) == "LSB":
        ax.axhline(view.spec_lsb, color=style.GREY, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1.5)


def _share_scale(axes: Sequence[Axes]) -> None:
    """Gives the panels of means one scale: logarithmic where they span much, else from 0."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for ax in axes for line in ax.lines])
    limits = np.array([ax.get_ylim() for ax in axes])
    log = drawn.min() > 0 and drawn.max() > _WIDE * drawn.min()
    for ax in axes:
        if log:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: show(y)))
            ax.yaxis.set_minor_formatter(NullFormatter())
            ax.set_ylim(0.8 * drawn.min(), 1.25 * drawn.max())
        else:
            ax.set_ylim(0, limits[:, 1].max())


def _noise_beside(meta: ReportMeta, tables: Tables) -> bool:
    """Says whether the temporal noise belongs beside the mean: beside the worst INL, which is static."""
    noise = select(tables.summary, {"measure": "noise_rms_lsb"})["mean"]
    return meta.yield_of == "max_inl_lsb" and bool((noise > LEAST_LSB).any())


def _noise_lines(noise: pd.DataFrame, sweep: _Sweep, at: Mapping[str, Value]) -> list[tuple[str, pd.DataFrame]]:
    """Returns colour and rows of each line of noise; one grey line where all are alike."""
    lines = [(colour, sweep.rows(noise, at, value)) for value, (colour, _) in sweep.styles.items()]
    heights = [rows["mean"].to_numpy(float) for _, rows in lines]
    alike = all(
        height.shape == heights[0].shape and np.allclose(height, heights[0], rtol=_ALIKE, atol=1e-6)
        for height in heights
    )
    return [(style.GREY, lines[0][1])] if alike else lines


def _draw_yield(
    ax: Axes, tables: Tables, spec_lsb: float, sweep: _Sweep, at: Mapping[str, Value], both: Sequence[Side]
) -> None:
    for place, side in enumerate(both):
        for value, (colour, dashes) in sweep.styles.items():
            rows = sweep.rows(select(side.of(tables.yields), {"spec_lsb": spec_lsb}), at, value)
            columns = ("yield_fraction", "ci_low", "ci_high")
            _draw_line(ax, sweep, rows, columns, colour, dashes, thin=place > 0)
    ax.set_ylim(-0.03, 1.03)
    ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=""))


def _draw_line(
    ax: Axes,
    sweep: _Sweep,
    rows: pd.DataFrame,
    names: tuple[str, str, str],
    colour: str,
    dashes: tuple[float, ...],
    *,
    thin: bool = False,
) -> None:
    """Draws one line with its interval; what is set apart on the axis is a mark alone."""
    look = _THIN if thin else _THICK
    mean, low, high = names
    joined, rest = (rows[(rows[sweep.x] == sweep.axis.apart) == apart] for apart in (False, True))
    ax.fill_between(joined["_place"], joined[low], joined[high], color=colour, alpha=0.22, linewidth=0)
    ax.plot(
        joined["_place"],
        joined[mean],
        color=colour,
        linestyle=(0, tuple(length * _THICK["linewidth"] / look["linewidth"] for length in dashes)) if dashes else "-",
        **look,
    )
    if len(rest):
        bars = np.clip([rest[mean] - rest[low], rest[high] - rest[mean]], 0.0, None)
        mark = {**look, "linestyle": "", "markersize": 3.2}
        ax.errorbar(rest["_place"], rest[mean], yerr=bars, color=colour, elinewidth=1.0, **mark)


def _legend(figure: Figure, meta: ReportMeta, tables: Tables, sweep: _Sweep, both: Sequence[Side]) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=colour,
            linestyle=(0, dashes) if dashes else "-",
            marker="o",
            markersize=2.6,
            label=setting(sweep.line, value) if sweep.line else measure_label(meta.yield_of),
        )
        for value, (colour, dashes) in sweep.styles.items()
    ]
    if _noise_beside(meta, tables):
        label = measure_label("noise_rms_lsb")
        handles.append(Line2D([], [], color=style.GREY, linewidth=0.9, linestyle=(0, _DASH_DOT), label=label))
    if len(both) > 1:
        for side, look in zip(both, (_THICK, _THIN), strict=True):
            label = f"yield {side.words} ({measure_label(side.measure)})"
            handles.append(Line2D([], [], color=style.GREY, label=label, **look))
    if len(handles) > 1:
        style.legend_below(figure, handles)


def _caption(
    meta: ReportMeta,
    tables: Tables,
    view: View,
    sweep: _Sweep,
    columns: tuple[Value, ...],
    both: Sequence[Side],
) -> str:
    noise = ""
    if meta.yield_of == "max_inl_lsb":
        beside = _noise_beside(meta, tables)
        noise = " (dash-dotted: the temporal noise, rms; grey where it is the same for all)" if beside else ""
    share = "the share of chips within the spec"
    if meta.counts:
        share = f"the share of chips {meta.within(view.spec_lsb)}"
    elif len(both) > 1:
        first, other = both
        share += (
            f" (thick: {first.words}, their {measure_label(first.measure)}; thin, open marks: {other.words}, their "
            f"{measure_label(other.measure)})"
        )
    dotted = "" if measure_unit(meta.yield_of) != "LSB" else f" Dotted: {view.spec_lsb:g} LSB."
    said = [
        f"Mean {measure_label(meta.yield_of)} over the chips{noise}, and {share}, against {name_of(sweep.x)}. Light "
        f"bands: {confidence_text(meta.confidence)} confidence interval.{dotted}"
    ]
    shown = columns if sweep.column == "device" else (view.fixed.get("device", ""),)
    if note := mark_note(meta, shown):
        said.append(f"{note}Their total yield is not drawn.")
    if meta.yield_of == "max_inl_lsb" and not noise:
        said.append("No temporal noise was simulated.")
    if sweep.axis.apart is not None:
        said.append("Set apart from the lines: " + setting(sweep.x, sweep.axis.apart) + ".")
    if sweep.where:
        said.append(f"Held: {slice_text(sweep.where)}.")
    for key, count in ((sweep.line, len(sweep.styles)), (sweep.column, len(columns))):
        if key and len(view.values[key]) > count:
            said.append(f"Of {len(view.values[key])} values of {name_of(key)}, {count} are shown.")
    return " ".join(said)
