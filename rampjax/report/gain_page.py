"""What solving gains over the closed form, as a table and a figure of the page."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, NullFormatter

from rampjax.report import style
from rampjax.report.answer import confidence_text
from rampjax.report.gain import (
    CASE,
    CLOSED_FORM,
    METHOD,
    METHODS,
    NOISE,
    SOLVED,
    by_case,
    column_of,
    columns_text,
    count_columns,
    gains,
    has_noise,
    lsb_text,
    side_measures,
    spread_keys,
)
from rampjax.report.labels import Value, axis_label, listed, name_of, setting, show, slice_text, value_text
from rampjax.report.meta import LEAST_LSB, ReportMeta, measure_label, measure_unit
from rampjax.report.page_tables import Cell, Grid, Row, group_rows
from rampjax.report.points import View, select
from rampjax.report.sides import NO_NOISE
from rampjax.report.tables import KINDS, TOTAL, Tables

_MOST_ROWS = 120
_ROW_WIDTH: Final = 18  # characters beside a row of panels
_MOST_ROWS_DRAWN = 8
_BOX: Final = "quartiles and median"
_SHORT: Final = {NOISE: "noise", KINDS[TOTAL]: "total"}
_SHADE = 0.7
_SPEC_LINE: Final[dict[str, Any]] = {"color": style.GREY, "linewidth": 0.7, "linestyle": (0, (1, 2))}
_MOST_DECADES = 3.5  # of an axis that has room for ticks at 1, 2 and 5


def gain_grid(meta: ReportMeta, tables: Tables, view: View) -> Grid:
    """Lays out the mean error by function and bits: a column per case and method, its noise beside it."""
    spread = spread_keys(view)
    row_keys = [key for key in ("function", "bits") if key in spread] or spread[:1]
    held = {key: value for key, value in view.slice.items() if key in spread and key not in row_keys}
    table = select(gains(meta, tables, view), held)
    methods = [method for method in METHODS if method in table]
    cases = [(case, rows.set_index(row_keys)) for case, rows in by_case(table, view)]
    names = list(dict.fromkeys(table[row_keys].itertuples(index=False, name=None)))
    names.sort(key=lambda name: [view.values[key].index(value) for key, value in zip(row_keys, name, strict=True)])
    rows = []
    for name in names[:_MOST_ROWS]:
        place = name if len(name) > 1 else name[0]
        cells = tuple(_cell(meta, of_case.loc[place], method) for _, of_case in cases for method in methods)
        rows.append(Row(tuple(value_text(key, value) for key, value in zip(row_keys, name, strict=True)), cells))
    heads = tuple(
        "\n".join([*([setting(CASE, case)] if case is not None else []), setting(METHOD, method)])
        for case, _ in cases
        for method in methods
    )
    cut = f"Shown: {_MOST_ROWS} of {len(names)} rows. " if len(names) > _MOST_ROWS else ""
    beside = [m for m in side_measures(meta) if m != meta.yield_of and column_of(meta, SOLVED, m) in table]
    said = f" Small: {listed([f'its {measure_label(measure)}' for measure in beside])}, in LSB." if beside else ""
    note = (
        f"{cut}Mean {measure_label(meta.yield_of)} over the chips, in {measure_unit(meta.yield_of)}"
        f"{f', at {slice_text(held)}' if held else ''}.{said} Shaded: lower than in closed form, beyond the "
        f"{confidence_text(meta.confidence)} confidence intervals."
    )
    return Grid("", tuple(map(name_of, row_keys)), heads, group_rows(rows), note)


def _cell(meta: ReportMeta, row: "pd.Series[float]", method: str) -> Cell:
    if math.isnan(row[method]):
        return Cell("")
    better = method == SOLVED and row[f"{SOLVED}_high"] < row[f"{CLOSED_FORM}_low"]
    beside = {m: row.get(column_of(meta, method, m), math.nan) for m in side_measures(meta) if m != meta.yield_of}
    small = [f"{_SHORT.get(m, 'static')} {lsb_text(value)}" for m, value in beside.items() if not math.isnan(value)]
    return Cell(lsb_text(row[method]), "\n".join(small), _SHADE if better else None)


def draw_gain(meta: ReportMeta, tables: Tables, view: View) -> tuple[Figure, str, str]:
    """Draws how static error, noise and total error spread over all columns, by method and resolution: a row per case.

    Where there is no temporal noise, the error of the study alone.
    """
    table = gains(meta, tables, view)
    cases = list(by_case(table, view))[:_MOST_ROWS_DRAWN]
    measures = side_measures(meta) if has_noise(meta, table) else (meta.yield_of,)
    key = "bits" if "bits" in view.keys else spread_keys(view)[0]
    boxes = _has_boxes(table, key)
    width = style.SINGLE_COLUMN_IN if len(measures) == 1 else style.DOUBLE_COLUMN_IN
    figure = style.new_figure(width, 1.25 + max(1.35 * len(cases), 1.85))
    axes = figure.subplots(len(cases), len(measures), sharex=True, sharey=True, squeeze=False)
    for row, (case, rows) in zip(axes, cases, strict=True):
        for ax, measure in zip(row, measures, strict=True):
            _draw_spread(ax, meta, rows, measure, key, view, boxes)
            if measure != NOISE:
                ax.axhline(view.spec_lsb, zorder=1.5, **_SPEC_LINE)
        # A row is no higher than a few words: a long name takes several lines.
        named = f"{textwrap.fill(setting(CASE, case), _ROW_WIDTH)}\n" if case is not None else ""
        row[0].set_ylabel(f"{named}{measure_unit(meta.yield_of)}")
    for ax, measure in zip(axes[0], measures, strict=True):
        ax.set_title(_titled(measure))
    for ax in axes[-1]:
        ax.set_xlabel(axis_label(key))
    axes[0, 0].set(yscale="log")
    _mark_decades(axes[0, 0])
    titled = ("function", "device", "calibration")
    fixed = {name: view.fixed[name] for name in titled if view.fixed.get(name, "none") != "none"}
    title = (
        "Static error, noise and total error by method of design" if len(measures) > 1 else "Error by method of design"
    )
    style.heading(figure, title, slice_text(fixed))
    look: dict[str, Any] = {} if boxes else {"marker": "o", "markersize": 4.0, "linestyle": "none"}
    handles = [
        Line2D([], [], color=colour, linewidth=3.2, solid_capstyle="butt", label=setting(METHOD, value), **look)
        for value, (colour, _) in style.line_styles(view.values[METHOD]).items()
    ]
    if boxes:
        median: dict[str, Any] = {"marker": "o", "markersize": 3.2, "markerfacecolor": "white", "markeredgewidth": 0.7}
        handles.append(Line2D([], [], color=style.GUIDE, linewidth=4.2, solid_capstyle="butt", label=_BOX, **median))
    unit = measure_unit(meta.yield_of)
    handles.append(Line2D([], [], label=f"spec, {view.spec_lsb:g} {unit}", **_SPEC_LINE))
    style.legend_below(figure, handles)
    caption = _caption(meta, table, view, key, cases, measures)
    return figure, caption, "Spread over columns of static error, noise and total error, by method and case."


def _titled(measure: str) -> str:
    """Returns what a column of panels shows: "Worst INL, static"."""
    label = measure_label(measure)
    text = label if measure in _SHORT else f"{label}, static"
    return text[0].upper() + text[1:]


def _mark_decades(ax: Axes) -> None:
    """Puts plain numbers at 1, 2 and 5 of each decade, at 1 alone where there are many."""
    low, high = ax.get_ylim()
    many = math.log10(high / low) > _MOST_DECADES
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0,) if many else (1.0, 2.0, 5.0), numticks=99))
    ax.yaxis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=99))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: show(y)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _has_boxes(table: pd.DataFrame, key: str) -> bool:
    """Says whether several columns share a place of the axis; one alone is a dot."""
    return bool(table.groupby([name for name in (key, CASE) if name in table]).size().max() > 1)


def _draw_spread(
    ax: Axes, meta: ReportMeta, rows: pd.DataFrame, measure: str, key: str, view: View, boxes: bool
) -> None:
    """Draws extremes, quartiles and median over the columns, for each value of a key and each method: boxes or dots."""
    values = view.values[key]
    styles = style.line_styles(view.values[METHOD])
    apart = 0.8 / (len(styles) + 0.6)
    for place, value in enumerate(values):
        of_value = rows[rows[key] == value]
        for i, (method, (colour, _)) in enumerate(styles.items()):
            x = place + apart * (i - 0.5 * (len(styles) - 1))
            column = column_of(meta, str(method), measure)
            errors = of_value[column].dropna() if column in of_value else of_value.iloc[:0]
            if errors.empty or not errors.max() > LEAST_LSB:
                continue
            low, q25, median, q75, high = np.quantile(errors, (0.0, 0.25, 0.5, 0.75, 1.0))
            if boxes:
                ax.vlines(x, low, high, color=colour, linewidth=0.9)
                ax.vlines(x, q25, q75, color=colour, linewidth=4.2)
            ax.plot(
                x,
                median,
                marker="o",
                markersize=3.2 if boxes else 4.0,
                color="white" if boxes else colour,
                markeredgecolor=colour,
                markeredgewidth=0.7,
                zorder=3,
            )
    ax.xaxis.set_major_locator(FixedLocator(range(len(values))))
    ax.xaxis.set_major_formatter(FixedFormatter([show(value) for value in values]))
    ax.set_xlim(-0.6, len(values) - 0.4)
    ax.grid(False, axis="x")


def _caption(
    meta: ReportMeta,
    table: pd.DataFrame,
    view: View,
    key: str,
    cases: Sequence[tuple[Value | None, pd.DataFrame]],
    measures: Sequence[str],
) -> str:
    n_cases = len(view.values.get(CASE, ("",)))
    cut = f" Of {n_cases} cases, {len(cases)} are shown." if n_cases > len(cases) else ""
    without = "" if len(measures) > 1 else f" {NO_NOISE[0].upper()}{NO_NOISE[1:]}."
    n_all = len(cases[0][1])
    columns = f"{count_columns(n_all)} ({columns_text(view)})"
    n_each = n_all // len(view.values[key])
    spread = f"extremes, quartiles and median (white) over the {n_each} columns at each value of {name_of(key)}"
    if not _has_boxes(table, key):
        spread = f"one column at each value of {name_of(key)}"
    return (
        f"Mean {listed([measure_label(measure) for measure in measures])} over the chips of {columns}: {spread}. "
        f"Dotted: the spec of {view.spec_lsb:g} LSB.{without}{cut}"
    )
