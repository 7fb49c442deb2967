"""The table of the page that holds laws against the measured cells that they were fitted to."""

from typing import Final

from rampjax.report.answer import confidence_text
from rampjax.report.judge import KINDS_JUDGED, Verdict, judges, verdicts
from rampjax.report.labels import axis_label, setting, value_text
from rampjax.report.meta import ReportMeta, measure_label
from rampjax.report.page_tables import Cell, Grid, Row, group_rows
from rampjax.report.points import View
from rampjax.report.tables import KINDS, Tables

_MOST_ROWS: Final = 96
_SHADE: Final = 0.7


def judge_grids(meta: ReportMeta, tables: Tables, view: View) -> tuple[Grid, ...]:
    """Lays out the yields of laws beside those of the cells, static and total: a row per point and spec."""
    return tuple(_grid(meta, list(verdicts(meta, tables, judge)), view, judge) for judge in judges(meta, tables))


def _grid(meta: ReportMeta, found: list[Verdict], view: View, judge: str) -> Grid:
    keys = [key for key in view.keys if key != "device"]
    laws = list(dict.fromkeys(verdict.law for verdict in found))
    held = {(*verdict.at.values(), verdict.kind, verdict.law): verdict for verdict in found}
    points = list(dict.fromkeys(tuple(verdict.at.items()) for verdict in found))
    rows = []
    for point in points[:_MOST_ROWS]:
        at = dict(point)
        cells = []
        for kind in KINDS_JUDGED:
            of_laws = [held.get((*at.values(), kind, law)) for law in laws]
            told = next(verdict for verdict in of_laws if verdict is not None)
            cells += [Cell(_percent(told.cells_share)), *map(_cell, of_laws)]
        names = [setting(key, at[key]) if key == "calibration" else value_text(key, at[key]) for key in keys]
        rows.append(Row((*names, f"{at['spec_lsb']:g} LSB"), tuple(cells)))
    heads = tuple(f"{device}\n{kind}" for kind in KINDS_JUDGED for device in (judge, *laws))
    cut = f"Shown: {_MOST_ROWS} of {len(points)} rows. " if len(points) > _MOST_ROWS else ""
    kinds = "; ".join(f"{kind}: by {measure_label(KINDS[kind])}" for kind in KINDS_JUDGED)
    note = (
        f"{cut}Chips within the spec, in % ({kinds}). Small: law less cells, in points, with its "
        f"{confidence_text(meta.confidence)} interval from both (Newcombe). Shaded: beyond it. Cells of all chips are "
        "drawn from one array: the intervals hold for that array."
    )
    return Grid("", (*map(axis_label, keys), "Spec"), heads, group_rows(rows), note)


def _cell(verdict: Verdict | None) -> Cell:
    if verdict is None:
        return Cell("")
    small = f"{100 * verdict.difference:+.1f} ({100 * verdict.low:+.1f} to {100 * verdict.high:+.1f})"
    return Cell(_percent(verdict.share), small, _SHADE if verdict.differs else None)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
