"""The figures of a comparison with ngspice: agreement beside effect for every case, and deviations along the ramp."""

import math
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from rampjax.report import style
from rampjax.report.agreement import AgreementMeta, AgreementTables
from rampjax.report.agreement_text import Layout, make_layout, row_name
from rampjax.report.answer import count_text
from rampjax.report.labels import Value, setting, show, slice_text
from rampjax.report.points import select

MOST_ROWS: Final = 60
_MOST_LINES: Final = 4
_LEAST_LSB, _LEAST_CLOCKS = 1e-5, 1e-6  # what is smaller stands at the edge
_MARKS: Final = ("o", "s", "D", "^")
_TOLERANCE: Final[dict[str, Any]] = {"color": style.INK, "linewidth": 0.8, "linestyle": (0, (3, 2))}
# By column: what the axis says, its effect, its tolerance, and what is no longer told from nothing.
_PANELS: Final = (
    ("worst_level_lsb", "Worst deviation, levels (local LSB)", "effect_lsb", "tolerance_lsb", _LEAST_LSB),
    (
        "worst_decision_clocks",
        "Worst deviation, decisions (clocks)",
        "effect_clocks",
        "tolerance_clocks",
        _LEAST_CLOCKS,
    ),
)


def colour_key(layout: Layout) -> str | None:
    """Returns the key that has colours and marks of its own: bits, where they vary."""
    if "bits" in layout.others:
        return "bits"
    return min(layout.others, key=lambda key: len(layout.values[key]), default=None)


def worst_of(points: pd.DataFrame, layout: Layout, columns: Sequence[str]) -> pd.DataFrame:
    """Returns the largest values over all points of a row and a colour, in the order of the study."""
    keys = [key for key in (layout.row_key, colour_key(layout)) if key]
    if not keys:
        return points[list(columns)]
    return points.groupby(keys, sort=False)[list(columns)].max().reset_index()


def draw_agreement(meta: AgreementMeta, tables: AgreementTables) -> tuple[Figure, str, str]:
    """Draws for every case how far model and ngspice are apart at most, and beside it, faint, what the case does."""
    layout, points = make_layout(meta, tables), tables.points
    rows = layout.values[layout.row_key][:MOST_ROWS] if layout.row_key else ("",)
    colours = _colours(layout)
    figure = style.new_figure(style.DOUBLE_COLUMN_IN, 1.25 + 0.165 * len(rows))
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    for ax, (column, label, effect, tolerance, least) in zip(axes, _PANELS, strict=True):
        worst = worst_of(points, layout, (column, effect))
        for place, row in enumerate(rows):
            of_row = worst if layout.row_key is None else worst[worst[layout.row_key] == row]
            _draw_row(ax, place, of_row, (column, effect, least), layout, colours)
        ax.axvline(points[tolerance].iloc[0], zorder=1.8, **_TOLERANCE)
        ax.set(xscale="log", xlabel=label)
        ax.set_xlim(left=least / 1.5)
        _mark_decades(ax)
        ax.tick_params(axis="y", length=0)
    names = [row_name(layout, row) for row in rows] if layout.row_key else [slice_text(layout.fixed)]
    axes[0].set_yticks(range(len(rows)), names)
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    style.heading(figure, f"Model against ngspice {meta.ngspice}", slice_text(layout.fixed))
    style.legend_below(figure, _handles(layout, colours))
    return (
        figure,
        _caption(meta, tables, layout, len(rows)),
        ("Dots for the worst deviation of levels and decisions of every case, far left of the effect of the case."),
    )


def _colours(layout: Layout) -> dict[Value, tuple[str, str]]:
    """Colour and mark by value of the colour key."""
    key = colour_key(layout)
    values = layout.values[key][: len(_MARKS)] if key else ("",)
    return {value: (style.OKABE_ITO[i], _MARKS[i]) for i, value in enumerate(values)}


def _draw_row(
    ax: Axes,
    place: int,
    rows: pd.DataFrame,
    columns: tuple[str, str, float],
    layout: Layout,
    colours: dict[Value, tuple[str, str]],
) -> None:
    """Draws one row: for each colour what the case does, faint, and how far both sides are apart."""
    column, effect, least = columns
    key = colour_key(layout)
    for i, (value, (colour, mark)) in enumerate(colours.items()):
        of_colour = rows if key is None else rows[rows[key] == value]
        if of_colour.empty:
            continue
        y = place + 0.3 * (i - 0.5 * (len(colours) - 1))
        look: dict[str, Any] = {"marker": mark, "markersize": 3.6, "linestyle": "none", "color": colour}
        if of_colour[effect].iloc[0] > least:
            ax.plot(of_colour[effect].iloc[0], y, alpha=0.35, markerfacecolor="white", zorder=2, **look)
        ax.plot(max(float(of_colour[column].iloc[0]), least), y, zorder=3, markeredgewidth=0.0, **look)


def _mark_decades(ax: Axes) -> None:
    low, high = ax.get_xlim()
    step = 2 if math.log10(high / low) > 5 else 1
    ax.xaxis.set_major_locator(LogLocator(numticks=99))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: show(x) if round(math.log10(x)) % step == 0 else ""))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _handles(layout: Layout, colours: dict[Value, tuple[str, str]]) -> list[Line2D]:
    key = colour_key(layout)
    look: dict[str, Any] = {"linestyle": "none", "markersize": 3.6}
    named = [
        Line2D([], [], marker=mark, color=colour, label=setting(key, value) if key else "worst deviation", **look)
        for value, (colour, mark) in colours.items()
    ]
    faint = Line2D(
        [], [], marker="o", color=style.GREY, alpha=0.6, markerfacecolor="white", label="what the case does", **look
    )
    return [*named, faint, Line2D([], [], label="tolerance", **_TOLERANCE)]


def _caption(meta: AgreementMeta, tables: AgreementTables, layout: Layout, n_rows: int) -> str:
    points, key = tables.points, colour_key(layout)
    over = [k for k in layout.others if k != key]
    among = f" and over {', '.join(f'{len(layout.values[k])} {k}s' for k in over)}" if over else ""
    n_all = len(layout.values[layout.row_key]) if layout.row_key else 1
    cut = f" Of {n_all} rows, {n_rows} are shown." if n_all > n_rows else ""
    chips = count_text(points["n_samples"].iloc[0])
    return (
        "Filled: the largest deviation between model and ngspice over all levels (left; in local LSB, the smaller step "
        f"beside the level) and all decisions of the same code (right) of {chips} chips{among}. Open, faint: how far "
        "the sources of error of the case move a level or threshold, or a decision, of the same chips; where the "
        "programming error is the only source, what it does by itself. Dashed: the tolerance. Deviations below "
        f"{show(_LEAST_LSB)} local LSB and {show(_LEAST_CLOCKS)} clocks stand at the left edge.{cut}"
    )


def draw_levels(meta: AgreementMeta, tables: AgreementTables) -> tuple[Figure, str, str]:
    """Draws the deviation along the ramp for the cases that agree least: a panel per resolution."""
    layout = make_layout(meta, tables)
    key = colour_key(layout)
    values = layout.values[key][:3] if key else ("",)
    figure = style.new_figure(style.DOUBLE_COLUMN_IN if len(values) > 1 else style.SINGLE_COLUMN_IN, 3.1)
    axes = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    shown = _least_agreeing(tables.points, layout)
    styles = {name: (style.OKABE_ITO[i], style.DASHES[i]) for i, name in enumerate(shown)}
    for ax, value in zip(axes, values, strict=True):
        levels = select(tables.levels, {key: value}) if key else tables.levels
        for name, (colour, dashes) in styles.items():
            of_row = levels if layout.row_key is None else levels[levels[layout.row_key] == name]
            if not of_row.empty:
                worst = _worst_chip(of_row, layout)
                line = (0, dashes) if dashes else "-"
                ax.plot(worst["level"], worst["error_local_lsb"], color=colour, linestyle=line, linewidth=0.9)
        ax.axhline(0, color=style.INK, linewidth=0.6, zorder=1.5)
        for sign in (-1, 1):
            ax.axhline(sign * tables.points["tolerance_lsb"].iloc[0], zorder=1.5, **_TOLERANCE)
        ax.set_xlabel("Level")
        if key:
            ax.set_title(setting(key, value))
    axes[0].set_ylabel("Deviation (local LSB)")
    style.heading(figure, "Deviation along the ramp", slice_text(layout.fixed))
    handles = [
        Line2D(
            [],
            [],
            color=colour,
            linestyle=(0, dashes) if dashes else "-",
            linewidth=0.9,
            label=_line_name(layout, name),
        )
        for name, (colour, dashes) in styles.items()
    ]
    style.legend_below(figure, [*handles, Line2D([], [], label="tolerance", **_TOLERANCE)])
    caption = (
        f"Held level in ngspice less that of the model, at every level of the ramp, for the {len(shown)} "
        f"{'cases' if layout.row_key == 'case' else 'rows'} that agree least, each on its worst chip."
    )
    return figure, caption, "Lines of the deviation of each level for the cases that agree least."


def _line_name(layout: Layout, value: Value) -> str:
    return row_name(layout, value) if layout.row_key else "worst chip"


def _least_agreeing(points: pd.DataFrame, layout: Layout) -> list[Value]:
    if layout.row_key is None:
        return [""]
    worst = points.groupby(layout.row_key, sort=False)["worst_level_lsb"].max()
    chosen = set(worst.sort_values(ascending=False).index[:_MOST_LINES])
    return [value for value in layout.values[layout.row_key] if value in chosen]


def _worst_chip(levels: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Returns the levels of the chip, of any point, with the largest deviation."""
    row = levels.iloc[int(levels["error_local_lsb"].abs().argmax())]
    return select(levels, {key: row[key] for key in (*layout.others, "sample")}).sort_values("level")
