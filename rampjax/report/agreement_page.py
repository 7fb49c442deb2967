"""The page of a comparison with ngspice: answer, figures, a table of all cases, assumptions, provenance."""

from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from rampjax.report.agreement import AgreementMeta, AgreementTables, as_stored
from rampjax.report.agreement_figures import draw_agreement, draw_levels
from rampjax.report.agreement_text import Layout, agreement_sentences, make_layout, row_name, tells_little
from rampjax.report.figures import draw_named, write_figures
from rampjax.report.html import placed, provenance_rows, template
from rampjax.report.labels import name_of, setting, slice_text
from rampjax.report.page_tables import Cell, Grid, Row
from rampjax.report.points import select
from rampjax.report.tables import write_whole

MOST_ROWS: Final = 120
_FIGURES: Final = {
    "agreement": ("Agreement, and what each case does", draw_agreement),
    "levels": ("Deviation along the ramp", draw_levels),
}


def build_agreement(folder: Path, meta: AgreementMeta, tables: AgreementTables) -> Path:
    """Writes `folder/figures/*.png` and `folder/report.html`, each whole or not at all.

    Args:
        folder: The study's folder; made if missing.
        meta: What the report is about.
        tables: The numbers.

    Returns:
        The path of the page.

    Raises:
        InputError: The folder cannot be written.
    """
    folder, stored = Path(folder), as_stored(tables)
    drawn = tuple(draw_named(name, partial(draw, meta, stored)) for name, (_, draw) in _FIGURES.items())
    write_figures(folder, drawn)
    layout = make_layout(meta, stored)
    page = template("agreement.html.j2").render(
        meta=meta,
        question="",
        sentences=agreement_sentences(meta, stored),
        common=slice_text(layout.fixed),
        figures=[placed(figure, _FIGURES[figure.name][0]) for figure in drawn],
        agreement=agreement_grid(stored, layout),
        provenance=provenance_rows(meta.provenance),
    )
    return write_whole(folder / "report.html", page.encode())


def agreement_grid(tables: AgreementTables, layout: Layout) -> Grid:
    """Lays out all points: a row per case, a column for every combination of what else varies."""
    points, others = tables.points, list(layout.others)
    columns = list(dict.fromkeys(points[others].itertuples(index=False, name=None))) if others else [()]
    rows = layout.values[layout.row_key][:MOST_ROWS] if layout.row_key else ("",)
    laid = []
    for row in rows:
        of_row = select(points, {layout.row_key: row}) if layout.row_key else points
        cells = [_cell(select(of_row, dict(zip(others, column, strict=True)))) for column in columns]
        laid.append(Row((row_name(layout, row) if layout.row_key else "",), tuple(cells)))
    heads = ["\n".join(setting(key, value) for key, value in zip(others, column, strict=True)) for column in columns]
    n_all = len(layout.values[layout.row_key]) if layout.row_key else 1
    cut = f"Shown: {len(rows)} of {n_all} rows. " if n_all > len(rows) else ""
    note = (
        f"{cut}Worst deviation of any level, in local LSB, of what the case does to a level or threshold; small: the "
        "same of decisions, in clocks, and other codes where there are any. Shaded: beyond a tolerance. In brackets: "
        "the case does so little that agreement says little."
    )
    head = name_of(layout.row_key) if layout.row_key else ""
    return Grid("", (head,), tuple(heads), tuple(laid), note)


def _cell(points: pd.DataFrame) -> Cell:
    if points.empty:
        return Cell("")
    row: Any = points.iloc[0]
    main = f"{row.worst_level_lsb:.2g} of {row.effect_lsb:.2g}"
    wrong = int(row.inputs_with_another_code)
    codes = f"; {wrong} of {int(row.inputs_compared)} codes" if wrong else ""
    small = f"{row.worst_decision_clocks:.2g} of {row.effect_clocks:.2g} clocks{codes}"
    little = bool(tells_little(points).iloc[0])
    return Cell(f"({main})" if little else main, small, None if row.passed else 0.7)
