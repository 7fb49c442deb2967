"""Figures of the column itself, one threshold at a time: its INL, its transfer curve, its ramp."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from rampjax.report import style
from rampjax.report.labels import Value, name_of, setting
from rampjax.report.meta import ReportMeta
from rampjax.report.points import View, select
from rampjax.report.staircase import draw_staircase, zoom_centre
from rampjax.report.tables import Tables

BAND = "5–95 % of chips"


def draw_inl_per_code(meta: ReportMeta, tables: Tables, view: View) -> tuple[Figure, str, str]:
    """Draws median and 5–95 % band of the INL at every threshold, one panel per compared value."""
    values = style.chosen(view, style.MAX_PANELS)
    bands = select(tables.bands, view.where())
    # the colours of the other figures; a value that those leave out gets one from its own place
    styles = {**(style.line_styles(values) if view.compare else {}), **style.compared_styles(view)}
    rows, columns = style.grid_shape(len(values))
    width = style.SINGLE_COLUMN_IN if columns == 1 else style.DOUBLE_COLUMN_IN
    figure = style.new_figure(width, 0.75 + rows * (2.0 if columns == 1 else 1.75))
    axes = style.panels(figure, len(values), share_x=view.compare not in ("bits", "function"), share_y=True)
    for index, (ax, value) in enumerate(zip(axes, values, strict=True)):
        shown = (select(bands, {view.compare: value}) if view.compare else bands).sort_values("k")
        colour = styles.get(value, (style.OKABE_ITO[0], style.SOLID))[0]
        style.mark_zero_and_spec(ax, view.spec_lsb)
        ax.fill_between(shown["k"], shown["inl_p05"], shown["inl_p95"], color=colour, alpha=0.3, linewidth=0)
        ax.plot(shown["k"], shown["inl_p50"], color=colour, linewidth=1.1)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        ax.margins(x=0.02)
        if view.compare:
            ax.set_title(setting(view.compare, value))
        if index % columns == 0:
            ax.set_ylabel("INL (LSB)")
        if index + columns >= len(values):
            ax.set_xlabel("Threshold number")
    style.heading(figure, "INL at every threshold", style.slice_heading(view))
    _legend(figure)
    caption = (
        "INL of the realised function at each threshold: median (line) and 5–95 % of chips (band). "
        f"Dotted: ± {view.spec_lsb:g} LSB. Each threshold by itself: a chip's worst INL is the largest of all. "
        f"{style.choice_text(view, len(values))}"
    )
    return figure, caption, "Bands of INL in LSB against the threshold number."


def draw_transfer(meta: ReportMeta, tables: Tables, view: View) -> tuple[Figure, str, str]:
    """Draws the realised over the target staircase, the error in LSB below, for the two columns that tell most."""
    values = contrast(view)
    styles = style.compared_styles(view)
    width = style.SINGLE_COLUMN_IN if len(values) == 1 else style.DOUBLE_COLUMN_IN
    figure = style.new_figure(width, 3.9)
    same_axes = view.compare not in ("bits", "function")
    axes = figure.subplots(
        2,
        len(values),
        sharex="all" if same_axes else "col",
        sharey="row" if same_axes else False,
        squeeze=False,
        height_ratios=(2, 1),
    )
    centre = None
    for column, value in enumerate(values):
        shown = bands_of(tables, view, value)
        colour = styles.get(value, (style.OKABE_ITO[0], style.SOLID))[0]
        # with common axes all columns zoom on the same place, so that they compare
        centre = zoom_centre(shown) if centre is None or not same_axes else centre
        draw_staircase(axes[0, column], shown, colour, centre)
        _draw_error(axes[1, column], shown, colour, view.spec_lsb)
        axes[1, column].set_xlabel("Input $x$")
        if view.compare:
            axes[0, column].set_title(setting(view.compare, value))
    axes[0, 0].set_ylabel("Output $g(x)$")
    axes[1, 0].set_ylabel("Error (LSB)")
    style.heading(figure, "Transfer curve and its error", style.slice_heading(view))
    _legend(figure, Line2D([], [], color=style.INK, linewidth=0.8, label="target staircase"))
    caption = (
        "Above: the target staircase (black), and at each riser where the realised one lies (coloured: 5–95 % of "
        "chips); inset: the frame at the widest error, enlarged. "
        "Below: realised minus target function at each threshold, median and 5–95 % of chips; "
        f"dotted: ± {view.spec_lsb:g} LSB. "
        f"{_contrast_text(view, values)}{style.choice_text(view)}"
    )
    return figure, caption.strip(), "A staircase of output against input with bands at its risers, and the error below."


def draw_ramp(meta: ReportMeta, tables: Tables, view: View) -> tuple[Figure, str, str]:
    """Draws the ramp voltage at every threshold with its spread, and its deviation from the target beside it."""
    values = contrast(view)
    styles = style.compared_styles(view)
    figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.75)
    left, right = figure.subplots(1, 2)
    for value in values:
        shown = bands_of(tables, view, value)
        colour = styles.get(value, (style.OKABE_ITO[0], style.SOLID))[0]
        k = shown["k"]
        in_mV = {name: 1e3 * shown[name] for name in ("v_target_V", "v_p05_V", "v_p50_V", "v_p95_V")}
        left.fill_between(k, in_mV["v_p05_V"], in_mV["v_p95_V"], step="mid", color=colour, alpha=0.4, linewidth=0)
        left.step(k, in_mV["v_target_V"], where="mid", color=style.INK, linewidth=0.8)
        off = {name: in_mV[name] - in_mV["v_target_V"] for name in in_mV}
        right.fill_between(k, off["v_p05_V"], off["v_p95_V"], color=colour, alpha=0.3, linewidth=0)
        right.plot(k, off["v_p50_V"], color=colour, linewidth=1.1)
    right.axhline(0, color=style.INK, linewidth=0.6, zorder=1.5)
    _balance(right)
    for ax, label in ((left, "Ramp voltage (mV)"), (right, "Deviation from target (mV)")):
        ax.set(xlabel="Threshold number", ylabel=label)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        ax.margins(x=0.02)
    style.heading(figure, "Ramp and its spread", style.slice_heading(view))
    handles: list[Line2D | Patch] = [Line2D([], [], color=style.INK, linewidth=0.8, label="target ramp")]
    for value in values:
        colour = styles.get(value, (style.OKABE_ITO[0], style.SOLID))[0]
        name = f"{setting(view.compare, value)}, " if view.compare else ""
        handles.append(Patch(facecolor=colour, alpha=0.4, label=f"{name}{BAND}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.4)
    caption = (
        "Left: the ramp at the moment it passes each threshold, target (black) and 5–95 % of chips (coloured). "
        "Right: its deviation from the target, median and 5–95 % of chips. "
        f"{_contrast_text(view, values)}{style.choice_text(view)}"
    )
    return (
        figure,
        caption.strip(),
        "Ramp voltage in millivolts against the threshold number, and its deviation from the target.",
    )


def contrast(view: View) -> tuple[Value, ...]:
    """Returns the two compared values that tell most; one empty value for a single point."""
    return ("",) if view.best is None or view.against is None else (view.against, view.best)


def bands_of(tables: Tables, view: View, value: Value) -> pd.DataFrame:
    """Returns the rows of one column design, thresholds ascending."""
    where = view.where(**({view.compare: value} if view.compare else {}))
    return select(tables.bands, where).sort_values("k")


def _contrast_text(view: View, values: tuple[Value, ...]) -> str:
    if view.compare is None or len(values) == len(view.values[view.compare]):
        return ""
    shown = " and ".join(setting(view.compare, value) for value in values)
    return f"Of {len(view.values[view.compare])} values of {name_of(view.compare)}: {shown}. "


def _legend(figure: Figure, *lines: Line2D) -> None:
    """Explains lines, and median and band as one, below all panels."""
    median = Line2D([], [], color=style.GREY, linewidth=1.1)
    # matplotlib draws a tuple of handles over each other, which its type stubs do not know
    handles: list[Any] = [*lines, (Patch(facecolor=style.GREY, alpha=0.35, linewidth=0), median)]
    labels = [*(str(line.get_label()) for line in lines), f"median and {BAND}"]
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), columnspacing=1.4)


def _balance(ax: Axes) -> None:
    reach = max(abs(limit) for limit in ax.get_ylim())
    ax.set_ylim(-reach, reach)


def _draw_error(ax: Axes, bands: pd.DataFrame, colour: str, spec_lsb: float) -> None:
    style.mark_zero_and_spec(ax, spec_lsb)
    ax.fill_between(bands["x_target"], bands["inl_p05"], bands["inl_p95"], color=colour, alpha=0.3, linewidth=0)
    ax.plot(bands["x_target"], bands["inl_p50"], color=colour, linewidth=1.1)
