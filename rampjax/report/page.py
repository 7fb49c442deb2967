"""One self-contained page of a study: question, answer, figures, tables, assumptions, provenance.

The page loads nothing: images and style are inside it, and it has no script.
"""

import json
from pathlib import Path

import pandas as pd

from rampjax.checks import InputError
from rampjax.report.agreement import agreement_meta, is_agreement, read_agreement
from rampjax.report.agreement_page import build_agreement
from rampjax.report.answer import answer_sentences
from rampjax.report.budget import budget_grid, draw_budget, read_budget
from rampjax.report.figures import Drawn, draw_figures, draw_named, write_figures
from rampjax.report.gain import has_gain
from rampjax.report.gain_page import gain_grid
from rampjax.report.html import placed, provenance_rows, template
from rampjax.report.judge_page import judge_grids
from rampjax.report.meta import FIGURE_NAMES, ReportMeta, meta_from_provenance
from rampjax.report.page_tables import common_text, measure_grid, yield_grids, yield_note
from rampjax.report.points import make_view
from rampjax.report.tables import Tables, as_stored, read_tables, write_whole
from rampjax.report.trend import LEAST_VALUES

FIGURE_TITLES = {
    "gain": "Solved against closed form",
    "yield_vs_spec": "Yield against spec",
    "trend": "Trend",
    "inl_per_code": "INL at every threshold",
    "transfer": "Transfer curve and its error",
    "ramp": "Ramp and its spread",
    "budget": "Error budget",
}


def build_report(folder: Path, meta: ReportMeta, tables: Tables, budget: pd.DataFrame | None = None) -> Path:
    """Writes `folder/figures/*.png` and `folder/report.html`, each whole or not at all.

    The figures and sentences are made from the tables as their files hold them (six digits), so that `render_report`
    gives the same bytes later.

    Args:
        folder: The study's folder; made if missing.
        meta: What the report is about.
        tables: The numbers.
        budget: The error budget, where there is one.

    Returns:
        The path of the page.

    Raises:
        InputError: A table is empty or lacks a column, or the folder cannot be written.
    """
    folder = Path(folder)
    stored = as_stored(tables)
    drawn = draw_figures(meta, stored)
    view = make_view(meta, stored)
    budget_figure = None if budget is None else draw_named("budget", lambda: draw_budget(meta, budget, view))
    write_figures(folder, (*drawn, *([budget_figure] if budget_figure else [])))
    page = template("report.html.j2").render(
        meta=meta,
        question=meta.question if meta.question != meta.title else "",
        sentences=answer_sentences(meta, stored),
        figures=[placed(figure, FIGURE_TITLES[figure.name]) for figure in drawn],
        not_drawn=_not_drawn(meta, drawn),
        budget=None if budget is None else budget_grid(meta, budget),
        budget_figure=placed(budget_figure, FIGURE_TITLES[budget_figure.name]) if budget_figure else None,
        gain=gain_grid(meta, stored, view) if has_gain(view) else None,
        judged=judge_grids(meta, stored, view),
        yields=yield_grids(meta, stored, view),
        measures=measure_grid(meta, stored, view),
        common=common_text(stored, view),
        yield_note=yield_note(meta, stored),
        provenance=provenance_rows(meta.provenance),
    )
    return write_whole(folder / "report.html", page.encode())


def _not_drawn(meta: ReportMeta, drawn: tuple[Drawn, ...]) -> str:
    """Says why a figure is missing that was asked for by name; by default they are drawn where they can be."""
    if meta.figures == FIGURE_NAMES:
        return ""
    missing = set(meta.figures) - {figure.name for figure in drawn}
    needs = {
        "trend": f"No trend is drawn: it needs a number that varies over at least {LEAST_VALUES} values.",
        "gain": "No gain is drawn: it needs several columns, each both solved and in closed form.",
    }
    return " ".join(sentence for name, sentence in needs.items() if name in missing)


def render_report(folder: Path) -> Path:
    """Makes figures and page again from the tables and the provenance.json in a folder, and its error budget if any.

    Raises:
        InputError: A file is missing, cannot be read, or does not hold what it should.
    """
    path = Path(folder) / "provenance.json"
    if not path.is_file():
        raise InputError(f"`{folder}` must be a folder that a study wrote, but has no provenance.json.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"`{path}` must be JSON written by a study, but cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise InputError(f"`{path}` must hold a JSON object, but holds a {type(document).__name__}.")
    if is_agreement(document):
        return build_agreement(Path(folder), agreement_meta(document), read_agreement(folder))
    return build_report(Path(folder), meta_from_provenance(document), read_tables(folder), read_budget(folder))
