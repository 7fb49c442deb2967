"""How every figure looks: as wide as a journal column, small sans-serif text, lines of own colour and dashes."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from rampjax.report.labels import Value, name_of, setting, slice_text
from rampjax.report.points import View, is_number

SINGLE_COLUMN_IN = 3.5
DOUBLE_COLUMN_IN = 7.2
DPI = 200
MAX_PANELS = 9
MAX_LINES = 7
INK = "#222222"
GREY = "#595959"
GUIDE = "#8f8f8f"
# Okabe & Ito (2008), "Color universal design": without its yellow, which is lost on white, and with a darker purple
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#B0508A", "#E69F00", "#56B4E9", "#6B4FA0")
SOLID: tuple[float, ...] = ()
DASHES: tuple[tuple[float, ...], ...] = (
    SOLID,
    (4.5, 1.5),
    (1.2, 1.2),
    (5, 1.2, 1.2, 1.2),
    (7, 2),
    (3, 1, 1, 1, 1, 1),
    (2.2, 1),
)
# What others are held against: an uncalibrated column, the published layout.
_REFERENCES: dict[Value, tuple[str, tuple[float, ...]]] = {"none": (GREY, SOLID), "published": (OKABE_ITO[3], SOLID)}
_LOOK: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that a figure is the same on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "figure.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlepad": 4.0,
    "axes.labelpad": 3.0,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "xtick.bottom": True,
    "ytick.left": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.8,
    "xtick.minor.width": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "figure.facecolor": "white",
    "axes.unicode_minus": True,
}


Styles = dict[Value, tuple[str, tuple[float, ...]]]  # colour and dash pattern of each compared value


@contextmanager
def figure_look() -> Iterator[None]:
    """Applies the look inside a `with` block and leaves matplotlib's settings as they were."""
    look: dict[Any, Any] = {**sns.axes_style("ticks"), **_LOOK}
    with mpl.rc_context(look):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """Returns a figure of its own, unknown to pyplot, so that nothing stays open."""
    layout = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.04, wspace=0.03, hspace=0.04)
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """Returns the figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def mark_zero_and_spec(ax: Axes, spec_lsb: float) -> None:
    """Draws the zero line of an error axis, and dotted lines at plus and minus the spec."""
    ax.axhline(0, color=INK, linewidth=0.6, zorder=1.5)
    for sign in (-1, 1):
        ax.axhline(sign * spec_lsb, color=GREY, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1.5)


def spaced(values: Sequence[Value], count: int) -> tuple[Value, ...]:
    """Returns at most `count` of the values, evenly spaced, the first and last among them."""
    if len(values) <= count:
        return tuple(values)
    return tuple(values[round(i * (len(values) - 1) / (count - 1))] for i in range(count))


def line_styles(values: Sequence[Value]) -> Styles:
    """Gives each value colour and dashes: a colour ramp for numbers, distinct ones for names, solid for references."""
    shown = spaced(values, MAX_LINES)
    if is_number(shown):
        colours = sns.color_palette("viridis", n_colors=len(shown) + 1).as_hex()[: len(shown)]
        return {value: (colours[i], DASHES[i]) for i, value in enumerate(shown)}
    named = [value for value in shown if value not in _REFERENCES]
    styles = {value: (OKABE_ITO[i], DASHES[(i + 1) % len(DASHES)]) for i, value in enumerate(named)}
    return {value: styles.get(value) or _REFERENCES[value] for value in shown}


def grid_shape(count: int) -> tuple[int, int]:
    """Returns rows and columns for up to `MAX_PANELS` panels."""
    return {1: (1, 1), 2: (1, 2), 3: (1, 3), 4: (2, 2), 5: (2, 3), 6: (2, 3)}.get(count, (3, 3))


def panels(figure: Figure, count: int, share_x: bool, share_y: bool) -> list[Axes]:
    """Adds `count` panels on the grid of `grid_shape`; a place left over stays empty."""
    rows, columns = grid_shape(count)
    axes = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False)
    flat = list(axes.flat)
    for index, unused in enumerate(flat[count:], count):
        unused.remove()
        # The panel above has none below it now: its axis must speak for itself.
        flat[index - columns].tick_params(labelbottom=True)
        flat[index - columns].xaxis.label.set_visible(True)
    return flat[:count]


def heading(figure: Figure, title: str, slice_: str) -> None:
    """Puts the title and the slice it shows at the top left."""
    text = f"{title}  ·  {slice_}" if slice_ else title
    width_in = figure.get_size_inches()[0]
    # at 9 pt about 13.5 characters of bold fit an inch: the slice takes a second line where one is too short
    if len(text) > 14 * width_in:
        text = f"{title}\n{slice_}"
    figure.suptitle(text, x=0.008, ha="left", fontsize=8.5, fontweight="bold")


def style_legend(figure: Figure, styles: Styles, name: str) -> None:
    """Puts one legend for all panels below them."""
    legend_below(figure, style_handles(styles, name))


def style_handles(styles: Styles, name: str) -> list[Line2D]:
    """Returns the entries of a legend, one for each compared value."""
    return [
        Line2D([], [], color=colour, linestyle=(0, dashes) if dashes else "-", label=setting(name, value))
        for value, (colour, dashes) in styles.items()
    ]


def legend_below(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Puts a legend below all panels, in as many columns as fit."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    fit = max(1, int(figure.get_size_inches()[0] / (0.42 + 0.066 * longest)))
    lines = -(-len(handles) // fit)
    figure.legend(handles=list(handles), loc="outside lower center", ncols=-(-len(handles) // lines), columnspacing=1.4)


def compared_styles(view: View) -> Styles:
    """Returns the style of each compared value that is drawn; empty for a single point."""
    return line_styles(chosen(view, MAX_LINES)) if view.compare else {}


def chosen(view: View, count: int) -> tuple[Value, ...]:
    """Returns at most `count` of the compared values in order: those the answer names, and evenly spaced others."""
    if view.compare is None:
        return ("",)
    values = view.values[view.compare]
    if len(values) <= count:
        return values
    named = [value for value in values if value in (view.best, view.against)]
    others = spaced([value for value in values if value not in named], count - len(named))
    return tuple(value for value in values if value in named or value in others)


def slice_heading(view: View, *spread: str | None) -> str:
    """Returns the slice for a title, without the keys that the figure spreads out."""
    fixed = {key: view.fixed[key] for key in ("function", "bits", "device") if key in view.fixed}
    if view.compare != "calibration" and view.fixed.get("calibration", "none") != "none":
        fixed["calibration"] = view.fixed["calibration"]
    where = {key: value for key, value in {**fixed, **view.slice}.items() if key not in spread}
    order = ("function", "bits", "levels", "device")
    return slice_text(
        {key: where[key] for key in sorted(where, key=lambda k: order.index(k) if k in order else len(order))}
    )


def choice_text(view: View, n_compared: int | None = None, spread: str | None = None) -> str:
    """Says which slice of the study a figure shows, and which values it leaves out; empty where it shows all.

    Args:
        view: the choice.
        n_compared: how many of the compared values the figure shows; None where the caption says so by itself.
        spread: another key whose values the figure spreads over panels.
    """
    left = {key: view.slice[key] for key in view.slice if key != spread}
    counts = " and ".join(f"{len(view.values[key])} values of {name_of(key)}" for key in left)
    said = [f"The study has {counts}; this is its slice at {slice_text(left)}."] if left else []
    for key, most in ((view.compare, n_compared), (spread, MAX_PANELS)):
        if key and most and len(view.values[key]) > most:
            said.append(f"Of {len(view.values[key])} values of {name_of(key)}, {most} are shown.")
    return " ".join(said)
