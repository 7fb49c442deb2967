"""The answer of a comparison with ngspice in plain sentences, every number of them computed from its tables."""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from rampjax.metrics import yield_interval
from rampjax.report.agreement import AgreementMeta, AgreementTables
from rampjax.report.answer import confidence_text, count_text
from rampjax.report.labels import Value, setting, show, slice_text
from rampjax.report.points import ordered_values

CASE: Final = "case"
TELLING: Final = 10.0  # tolerances: an agreement says little of a case whose effect is smaller
_MOST_NAMED = 6


@dataclass(frozen=True)
class Layout:
    """What tells the points of a comparison apart: rows of a figure or table, and what stands within each row.

    Attributes:
        row_key: the key of the rows: the case, or the varied key with most values; None for a single point.
        others: every other key that varies.
        values: the values of each of them, in the order of the study.
        fixed: the value of each key that does not vary.
    """

    row_key: str | None
    others: tuple[str, ...]
    values: dict[str, tuple[Value, ...]]
    fixed: dict[str, Value]


def make_layout(meta: AgreementMeta, tables: AgreementTables) -> Layout:
    """Chooses the rows of a comparison."""
    frame = tables.points
    values = {key: ordered_values(frame, key) for key in meta.varied}
    keys = [key for key in meta.varied if len(values[key]) > 1]
    row_key = CASE if CASE in keys else max(keys, key=lambda key: len(values[key]), default=None)
    named = [key for key in ("function", "bits", "device", "calibration") if key not in keys]
    fixed = {key: ordered_values(frame, key)[0] for key in named if frame[key].nunique() == 1}
    return Layout(row_key, tuple(key for key in keys if key != row_key), values, fixed)


def row_name(layout: Layout, value: Value) -> str:
    """Returns what a row is called: the bare name of a case, or "5 bits"."""
    return str(value) if layout.row_key == CASE else setting(str(layout.row_key), value)


def agreement_sentences(meta: AgreementMeta, tables: AgreementTables) -> tuple[str, ...]:
    """Returns the answer, most important sentence first: how many agree, the worst, codes, and what says little."""
    layout = make_layout(meta, tables)
    said = (
        _headline(meta, tables.points, layout),
        _worst(tables.points, layout),
        _codes(meta, tables.points),
        _beyond(tables.points, layout),
        _telling_little(tables.points, layout),
    )
    return tuple(sentence for sentence in said if sentence)


def _headline(meta: AgreementMeta, points: pd.DataFrame, layout: Layout) -> str:
    first, what = points.iloc[0], "case" if layout.row_key == CASE else "point"
    passed = points.groupby(CASE)["passed"].min() if layout.row_key == CASE else points["passed"]
    verb = " agrees" if len(passed) == 1 else "s agree"
    others = [_values_text(key, layout.values[key]) for key in layout.others]
    n_chips = int(first.n_samples)
    chips = f"{count_text(n_chips)} chip{'s' * (n_chips != 1)} of each point"
    at = f" ({'; '.join([*others, chips])})"
    return (
        f"{int(passed.sum())} of {len(passed)} {what}{verb} with ngspice {meta.ngspice} "
        f"within {first.tolerance_lsb:g} local LSB at every level and {first.tolerance_clocks:g} clocks at every "
        f"decision{at}."
    )


def _values_text(key: str, values: tuple[Value, ...]) -> str:
    if key == "bits":
        return f"{' and '.join(show(value) for value in values)} bits"
    return ", ".join(setting(key, value) for value in values)


def _worst(points: pd.DataFrame, layout: Layout) -> str:
    level = points.iloc[int(points["worst_level_lsb"].argmax())]
    time = points.iloc[int(points["worst_decision_clocks"].argmax())]
    return (
        f"The largest deviation of a level is {_short(level.worst_level_lsb)} local LSB ({_where(level, layout)}), "
        f"where the sources of error move a level or threshold by up to {_short(level.effect_lsb)}; that of a decision "
        f"is {_short(time.worst_decision_clocks)} clocks ({_where(time, layout)}), where they move one by up to "
        f"{_short(time.effect_clocks)}."
    )


def _codes(meta: AgreementMeta, points: pd.DataFrame) -> str:
    n, wrong = int(points["inputs_compared"].sum()), int(points["inputs_with_another_code"].sum())
    if n == 0:
        return f"No input was further than {meta.clearance_lsb:g} local LSB from every threshold: no code is compared."
    low, high = (float(end) for end in yield_interval(wrong, n, meta.confidence))
    share = f"{100 * low:.2g}–{100 * high:.2g} %" if wrong else f"at most {100 * high:.2g} %"
    verb = "gets" if wrong == 1 else "get"
    return (
        f"Of {count_text(n)} inputs further than {meta.clearance_lsb:g} local LSB from every threshold, "
        f"{count_text(wrong) if wrong else 'none'} {verb} another code ({confidence_text(meta.confidence)} CI of the "
        f"share: {share})."
    )


def _beyond(points: pd.DataFrame, layout: Layout) -> str:
    beyond = points[points["passed"] == 0]
    if beyond.empty:
        return ""
    named = []
    for _, row in beyond.iloc[:_MOST_NAMED].iterrows():
        off = [
            text
            for text, is_off in (
                (f"{_short(row.worst_level_lsb)} local LSB", row.worst_level_lsb > row.tolerance_lsb),
                (f"{_short(row.worst_decision_clocks)} clocks", row.worst_decision_clocks > row.tolerance_clocks),
                (f"{int(row.inputs_with_another_code)} other codes", row.inputs_with_another_code > 0),
            )
            if is_off
        ]
        named.append(f"{_where(row, layout)} ({', '.join(off)})")
    more = f"; and {len(beyond) - _MOST_NAMED} more" if len(beyond) > _MOST_NAMED else ""
    return f"Beyond a tolerance: {'; '.join(named)}{more}."


def tells_little(points: pd.DataFrame) -> "pd.Series[bool]":
    """Says of which points the effect is so small that agreement could hardly fail."""
    small_lsb = points["effect_lsb"] < TELLING * points["tolerance_lsb"]
    return small_lsb & (points["effect_clocks"] < TELLING * points["tolerance_clocks"])


def _telling_little(points: pd.DataFrame, layout: Layout) -> str:
    small = points[tells_little(points)]
    if small.empty:
        return (
            f"Every point could fail: what it does to a level, threshold or decision is {TELLING:g} tolerances or more."
        )
    named = [_where(row, layout) for _, row in small.iloc[:_MOST_NAMED].iterrows()]
    more = f"; and {len(small) - _MOST_NAMED} more" if len(small) > _MOST_NAMED else ""
    return f"Of little weight, since their effect is below {TELLING:g} tolerances: {'; '.join(named)}{more}."


def _where(row: "pd.Series[Any]", layout: Layout) -> str:
    keys = [*([layout.row_key] if layout.row_key else []), *layout.others]
    # a row of a table holds numbers of NumPy's, which `setting` cannot count with
    plain = {key: next(value for value in layout.values[key] if value == row[key]) for key in keys}
    return slice_text(plain) or "the only point"


def _short(value: float) -> str:
    return f"{value:.2g}"
