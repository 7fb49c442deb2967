"""What solving gains over the closed form, static, noise and total: column by column, and in sentences."""

import math
from collections.abc import Iterator
from typing import Final

import pandas as pd

from rampjax.report.labels import Value, describe, listed, name_of
from rampjax.report.meta import LEAST_LSB, ReportMeta, measure_label, measure_unit
from rampjax.report.points import View
from rampjax.report.tables import KINDS, STATIC, TOTAL, Tables

METHOD, CASE = "method", "case"
PUBLISHED, CLOSED_FORM, SOLVED = "published", "closed_form", "solved"
METHODS: Final = (PUBLISHED, CLOSED_FORM, SOLVED)
_ASSUMED: Final = "The figures of the cases are assumed, not measured on a chip."
_DIGITS: Final = 3
_LABELS: Final = {"noise_rms_lsb": "temporal noise", "total_rmse_lsb": "total RMS error"}


NOISE: Final = "noise_rms_lsb"
_PARTS: Final = {NOISE: "noise", KINDS[TOTAL]: "total"}  # what stands beside an error, and the ending of its column


def column_of(meta: ReportMeta, method: str, measure: str) -> str:
    """Returns the column of `gains` that holds the mean of a measure: METHOD for the study's own."""
    return method if measure == meta.yield_of else f"{method}_{_PARTS.get(measure, STATIC)}"


def side_measures(meta: ReportMeta) -> tuple[str, str, str]:
    """Returns what is said side by side: the static error, the temporal noise, the total error."""
    own = meta.yield_of not in _PARTS
    return (meta.yield_of if own else KINDS[STATIC]), NOISE, KINDS[TOTAL]


def has_gain(view: View) -> bool:
    """Says whether a study has columns both solved and in closed form."""
    return {SOLVED, CLOSED_FORM} <= set(view.values.get(METHOD, ())) and bool(spread_keys(view))


def spread_keys(view: View) -> list[str]:
    """Returns the keys that tell the columns apart, whatever their method and their case."""
    return [key for key in view.keys if key not in (METHOD, CASE)]


def gains(meta: ReportMeta, tables: Tables, view: View) -> pd.DataFrame:
    """Returns one row per column and case: their keys, and the mean error by method.

    The mean of the study's measure stands in column METHOD, its interval in METHOD_low and METHOD_high; what else of
    `side_measures` was measured in METHOD_static, METHOD_noise and METHOD_total, with intervals likewise.
    """
    keys = [key for key in view.keys if key != METHOD]
    summary = tables.summary.set_index(keys)
    parts = []
    for method in (method for method in METHODS if method in view.values[METHOD]):
        for measure in dict.fromkeys((meta.yield_of, *side_measures(meta))):
            held = summary[(summary["measure"] == measure) & (summary[METHOD] == method)]
            column = column_of(meta, method, measure)
            names = {"mean": column, "mean_ci_low": f"{column}_low", "mean_ci_high": f"{column}_high"}
            parts += [held[list(names)].rename(columns=names)] if len(held) else []
    joined = pd.concat(parts, axis=1).reset_index()
    return joined[joined[SOLVED].notna() & joined[CLOSED_FORM].notna()]


def by_case(table: pd.DataFrame, view: View) -> Iterator[tuple[Value | None, pd.DataFrame]]:
    """Yields each case with its columns; None where a study has no cases."""
    if CASE not in view.keys:
        yield None, table
    for case in view.values[CASE] if CASE in view.keys else ():
        yield case, table[table[CASE] == case]


def has_noise(meta: ReportMeta, table: pd.DataFrame) -> bool:
    """Says whether there is a temporal noise to show beside the errors of a study."""
    noise = column_of(meta, SOLVED, NOISE)
    return noise in table and bool((table[noise] > LEAST_LSB).any())


def gain_sentences(meta: ReportMeta, tables: Tables, view: View) -> tuple[str, ...]:
    """Says what solving does to all columns of a study, case by case: static error, noise and total side by side."""
    if not has_gain(view):
        return ()
    said = []
    for i, (case, rows) in enumerate(by_case(gains(meta, tables, view), view)):
        if len(rows):
            said += [_medians(meta, case, rows, f" ({columns_text(view)})" if i == 0 else ""), _beyond(meta, rows)]
    assumed = _ASSUMED if CASE in view.keys else ""
    return tuple(sentence for sentence in (*said, assumed) if sentence)


def _medians(meta: ReportMeta, case: Value | None, rows: pd.DataFrame, columns: str) -> str:
    """Says how solving moves the medians over all columns, and what they are as published."""
    said, published = [], []
    for measure in _measured(meta, rows):
        before, after, old = (column_of(meta, method, measure) for method in (CLOSED_FORM, SOLVED, PUBLISHED))
        label, unit = _LABELS.get(measure, f"{measure_label(measure)}, static,"), measure_unit(measure)
        if measure == NOISE and not has_noise(meta, rows):
            said.append("temporal noise 0")
            published += ["0"] if old in rows else []
            continue
        change = "" if measure == NOISE else f" ({_change(rows, before, after)})"
        unit = "LSB rms" if measure == NOISE else unit
        said.append(f"{label} {_median(rows, before)} → {_median(rows, after)} {unit}{change}")
        published += [_median(rows, old)] if old in rows else []
    where = "" if case is None else f" {describe(CASE, case)}"
    old = f"; {describe(METHOD, PUBLISHED)} {listed(published)}" if published else ""
    return (
        f"Solved against closed form{where}, medians over {count_columns(len(rows))}{columns}: {', '.join(said)}{old}."
    )


def _beyond(meta: ReportMeta, rows: pd.DataFrame) -> str:
    """Says on how many columns solving lowers an error, and on how many it raises it, beyond the intervals."""
    said: list[str] = []
    for measure in (measure for measure in _measured(meta, rows) if measure != NOISE):
        before, after = (column_of(meta, method, measure) for method in (CLOSED_FORM, SOLVED))
        lower = int((rows[f"{after}_high"] < rows[f"{before}_low"]).sum())
        higher = int((rows[f"{after}_low"] > rows[f"{before}_high"]).sum())
        of = f" of {count_columns(len(rows))}" if not said else ""
        said.append(f"the {measure_label(measure)} is lower on {lower} and higher on {higher}{of}")
    return f"Beyond the intervals, {', '.join(said)}."


def _measured(meta: ReportMeta, rows: pd.DataFrame) -> list[str]:
    """Returns what of `side_measures` was measured with both methods."""
    return [
        measure
        for measure in side_measures(meta)
        if {column_of(meta, method, measure) for method in (CLOSED_FORM, SOLVED)} <= set(rows)
    ]


def _change(rows: pd.DataFrame, before: str, after: str) -> str:
    """Returns "16 % lower" for the median over the columns of the ratio, "unchanged" where it rounds to 1.00."""
    ratio = (rows[after] / rows[before])[rows[before] > LEAST_LSB].median()
    if math.isnan(ratio):  # there was no error to lower
        return "higher" if rows[after].median() > LEAST_LSB else "unchanged"
    percent = round(100 * (ratio - 1))
    return f"{abs(percent)} % {'lower' if percent < 0 else 'higher'}" if percent else "unchanged"


def _median(rows: pd.DataFrame, column: str) -> str:
    return lsb_text(rows[column].median())


def columns_text(view: View) -> str:
    """Returns how the columns differ: "13 functions, 6 bit widths, 3 devices"."""
    return ", ".join(f"{len(view.values[key])} {_plural(key)}" for key in spread_keys(view))


def count_columns(count: int) -> str:
    """Returns "1 column", "216 columns"."""
    return f"{count} column{'' if count == 1 else 's'}"


def lsb_text(value: float) -> str:
    """Returns a number of LSB to three digits, and what is only rounding as 0."""
    if not math.isfinite(value):
        return "–"
    return "0" if value < LEAST_LSB else f"{value:.{max(0, _DIGITS - 1 - math.floor(math.log10(value)))}f}"


def _plural(key: str) -> str:
    if "." in key:
        return f"values of {name_of(key)}"
    return {"bits": "bit widths", "levels": "level schemes", "inputs": "distributions of inputs"}.get(key, f"{key}s")
