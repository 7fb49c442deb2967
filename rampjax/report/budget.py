"""The error budget on file, as a figure, as a table of the page and as text: each source alone, and each left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rampjax.checks import InputError
from rampjax.report import style
from rampjax.report.answer import confidence_text, count_text, percent, percent_interval
from rampjax.report.meta import ReportMeta, measure_label
from rampjax.report.page_tables import Cell, Grid, Row, mean_cell
from rampjax.report.points import View
from rampjax.report.tables import KINDS, STATIC, TOTAL, kind_columns, to_csv_text, write_whole
from rampjax.report.text import table_lines

BUDGET_FILE: Final = "budget.csv"
ALL: Final = "all sources"  # alone: all are on; left out: none is
CASES: Final = ("alone", "left_out")
BUDGET_MEASURES: Final = ("max_inl_lsb", "noise_rms_lsb", "total_rmse_lsb")
_SHARE: Final = ("yield_fraction", "yield_ci_low", "yield_ci_high")
COLUMNS: Final = (
    "source",
    *(f"{case}_{name}{end}" for case in CASES for name in BUDGET_MEASURES for end in ("", "_ci_low", "_ci_high")),
    *(f"{case}_{name}" for case in CASES for name in (*_SHARE, *kind_columns(STATIC), *kind_columns(TOTAL))),
)
SAME_CHIPS: Final = (
    "Every case draws the same random numbers for the same chip, so differences between cases are known better than "
    "their separate intervals suggest."
)


@dataclass(frozen=True)
class _Look:
    """How a case is drawn: its colour, the ground of its mark, its place beside the other's, where its stem begins."""

    colour: str
    face: str
    shift: float
    from_: str  # the case whose first row, of all sources, the stem begins at


_LOOKS: Final = {
    "alone": _Look(style.OKABE_ITO[1], style.OKABE_ITO[1], -0.14, "left_out"),
    "left_out": _Look(style.OKABE_ITO[0], "white", 0.14, "alone"),
}


def write_budget(folder: Path, record: Mapping[str, Sequence[Any]]) -> Path:
    """Writes the lists of a budget as budget.csv."""
    frame = pd.DataFrame({name: record[name] for name in COLUMNS})
    return write_whole(Path(folder) / BUDGET_FILE, to_csv_text(frame).encode())


def read_budget(folder: Path) -> pd.DataFrame | None:
    """Reads the budget that stands in a folder, None where there is none.

    Raises:
        InputError: it cannot be read, or lacks a column or its first row.
    """
    path = Path(folder) / BUDGET_FILE
    if not path.is_file():
        return None
    try:
        frame = pd.read_csv(path, dtype={"source": str})
    except (OSError, ValueError) as error:
        raise InputError(f"`{path}` must be an error budget, but cannot be read: {error}.") from error
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(f"`{path}` must have a column `{missing[0]}`, but has none.")
    if len(frame) < 2 or frame["source"].iloc[0] != ALL:
        raise InputError(f"`{path}` must have a first row `{ALL}` and one for each source.")
    return frame


def budget_grid(meta: ReportMeta, frame: pd.DataFrame) -> Grid:
    """Lays out the budget as a table of the page: a row per source, each case with its measures."""
    yields = _yields(meta.yield_of)
    names = [*map(measure_label, BUDGET_MEASURES), *yields]
    heads = [f"{name}\n{words}" for words in ("alone", "left out") for name in names]
    rows = []
    for _, row in frame.iterrows():
        cells = [cell for case in CASES for cell in _cells(row, case, yields)]
        rows.append(Row((str(row["source"]),), tuple(cells)))
    note = (
        f"Means over the chips in LSB; small, the {confidence_text(meta.confidence)} confidence interval. Yield: "
        f"share of chips in % {meta.within(meta.specs_lsb[0])}{_yields_text(yields)}. {ALL.capitalize()}: alone, "
        f"all are on; left out, none is. {SAME_CHIPS}"
    )
    return Grid("Error budget", ("source",), tuple(heads), tuple(rows), note)


def _yields(measure: str) -> dict[str, tuple[str, str, str]]:
    """Returns the yields of each case by name: static and total side by side, of a count the one that it has."""
    if measure not in KINDS.values():
        return {"yield": _SHARE}
    return {"yield, static": kind_columns(STATIC), "yield, total": kind_columns(TOTAL)}


def _yields_text(yields: Mapping[str, object]) -> str:
    said = "static on the worst INL, total on the total RMS error, noise included"
    return f" ({said})" if len(yields) > 1 else ""


def _cells(row: "pd.Series[Any]", case: str, yields: Mapping[str, tuple[str, str, str]]) -> list[Cell]:
    means = [
        mean_cell(*(float(row[f"{case}_{name}{end}"]) for end in ("", "_ci_low", "_ci_high")))
        for name in BUDGET_MEASURES
    ]
    shares = [tuple(float(row[f"{case}_{name}"]) for name in columns) for columns in yields.values()]
    return [*means, *(Cell(percent(*each), percent_interval(*each[1:]), each[0]) for each in shares)]


def draw_budget(meta: ReportMeta, frame: pd.DataFrame, view: View) -> tuple[Figure, str, str]:
    """Draws worst INL, noise and total error of each source alone and left out; lines where all and none are on.

    Args:
        meta: what the report is about.
        frame: the budget.
        view: which design it is of, for the title.
    """
    whole, rows = frame.iloc[0], frame.iloc[1:]
    figure = style.new_figure(style.DOUBLE_COLUMN_IN, 1.2 + 0.22 * len(rows))
    axes = figure.subplots(1, len(BUDGET_MEASURES), sharey=True)
    for ax, name in zip(axes, BUDGET_MEASURES, strict=True):
        for case, look in _LOOKS.items():
            _draw_case(ax, f"{case}_{name}", rows, float(whole[f"{look.from_}_{name}"]), look)
        for case, dashes in (("alone", "-"), ("left_out", (0, (3, 2)))):
            ax.axvline(whole[f"{case}_{name}"], color=style.INK, linewidth=0.8, linestyle=dashes, zorder=1.8)
        ax.set_xlabel(f"{_upper(measure_label(name))} (LSB)")
        ax.margins(x=0.06)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(rows)), rows["source"].tolist())
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    style.heading(figure, "Error budget", style.slice_heading(view))
    figure.legend(handles=_handles(), loc="outside lower center", ncols=4, columnspacing=1.4)
    caption = (
        "Means over the chips. Filled: each source of error alone, and how far that is from none (dashed line). Open: "
        "each left out, and how far that is from all (solid line). Without any source the total RMS error is that of "
        f"the ideal quantiser. Bars: {confidence_text(meta.confidence)} confidence interval, where wider than its "
        f"mark. {SAME_CHIPS}"
    )
    return figure, caption, "Dots for worst INL, temporal noise and total RMS error of each source, alone and left out."


def _draw_case(ax: Axes, name: str, rows: pd.DataFrame, start: float, look: _Look) -> None:
    """Draws one case of every source: a mark, and a stem from where none, or all, are on."""
    places = np.arange(len(rows)) + look.shift
    mean, low, high = (rows[f"{name}{end}"].to_numpy(float) for end in ("", "_ci_low", "_ci_high"))
    ax.hlines(places, np.full(len(rows), start), mean, color=look.colour, alpha=0.45, linewidth=1.6, zorder=1.9)
    bars = np.clip(np.nan_to_num([mean - low, high - mean]), 0.0, None)
    ax.errorbar(mean, places, xerr=bars, fmt="o", color=look.colour, mfc=look.face, ms=3.8, mew=1.0, elinewidth=1.0)


def _handles() -> list[Line2D]:
    mark: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 3.8, "markeredgewidth": 1.0}
    words = {"alone": "this source alone", "left_out": "this source left out"}
    return [
        *(
            Line2D([], [], color=look.colour, markerfacecolor=look.face, label=words[case], **mark)
            for case, look in _LOOKS.items()
        ),
        Line2D([], [], color=style.INK, linewidth=0.8, label="all on"),
        Line2D([], [], color=style.INK, linewidth=0.8, linestyle=(0, (3, 2)), label="none on"),
    ]


def budget_text(record: Mapping[str, Any]) -> str:
    """The budget as text: worst INL with the noise beside it, total rms error and yield, alone and left out.

    Args:
        record: what `rampjax yield --budget --json` prints.
    """
    yields = _yields(record["measure"])
    heads = [f"{name.removeprefix('yield, ')} %" for name in yields]
    titles = ("source", *(title for _ in CASES for title in ("INL", "noise", "total", *heads)))
    rows = []
    for i, source in enumerate(record["source"]):
        cells = [source]
        for case in CASES:
            cells += [_short(record[f"{case}_{name}"][i]) for name in BUDGET_MEASURES]
            cells += [percent(*(record[f"{case}_{name}"][i] for name in columns)) for columns in yields.values()]
        rows.append(cells)
    lines = table_lines(titles, rows, left=(0,))
    start = max(len(str(name)) for name in (*record["source"], "source")) + 2
    chips = count_text(record["n_samples"])
    half = (len(lines[0]) - start) // 2
    above = " " * start + "alone".ljust(half + 1) + "left out"
    return "\n".join(
        [
            f"Error budget, each source alone and each left out: means over {chips} chips in LSB of worst INL",
            f"(static), temporal noise (rms) and total rms error (with quantisation); {_within(record, yields)}.",
            f"{ALL.capitalize()}: alone, all are on; left out, none is.",
            "Every chip draws the same random numbers in every case.",
            "",
            above.rstrip(),
            *lines,
        ]
    )


def _within(record: Mapping[str, Any], yields: Mapping[str, object]) -> str:
    """Says what the yields of the text are."""
    if len(yields) > 1:
        return f"Static %, total %: chips whose worst INL, or total rms error, is within {record['spec']:g} LSB"
    return f"Yield %: chips with at most {record['spec']:g} missing codes"


def _short(value: float | None) -> str:
    return "?" if value is None else f"{value:.4f}" if value < 9.9995 else f"{value:.4g}"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
