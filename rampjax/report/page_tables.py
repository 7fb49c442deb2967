"""The tables of the page: yields and measures laid out for reading, cut to a readable size."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from rampjax.report.answer import confidence_text, count_text, percent, percent_interval
from rampjax.report.labels import Value, name_of, setting, slice_text, value_text
from rampjax.report.meta import LEAST_LSB, MEASURE_LABELS, ReportMeta, measure_label, measure_unit
from rampjax.report.points import View, is_number, select, swept_key
from rampjax.report.sides import NO_NOISE, Side, is_noisy, mark_note, marked, sides
from rampjax.report.tables import Tables

MAX_ROWS = 48
MAX_COLUMNS = 9
MAX_SHARED_COLUMNS = 6  # of values and specs in one table
MAX_GRIDS = 4
_LEAST_QUANTILE = 1e-3  # quantiles are counted to 1e-4


@dataclass(frozen=True)
class Cell:
    """One cell: its number, the small text beside it, and how dark its ground is (0 to 1; None for plain)."""

    main: str
    small: str = ""
    shade: float | None = None


@dataclass(frozen=True)
class Row:
    """One row: its names, its cells, and how many rows the first name spans (0 where a row above spans it)."""

    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    span: int = 1
    starts_group: bool = False


@dataclass(frozen=True)
class Grid:
    """A table of the page: title, heads of the row names, heads of the columns, rows, and a note below."""

    title: str
    row_heads: tuple[str, ...]
    column_heads: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


def yield_grids(meta: ReportMeta, tables: Tables, view: View) -> tuple[Grid, ...]:
    """Lays out the yield table: rows are functions, bits and what else varies, columns the compared values and specs.

    All specs share one table where it stays narrow; else each has its own, the headline spec first.
    """
    specs = sorted(set(tables.yields["spec_lsb"]))
    # a sweep of one number alone reads down the page
    down = len(view.keys) == 1 and is_number(view.values[view.keys[0]])
    across = None if down else view.compare
    compared: tuple[Value, ...] = view.values[across] if across else ("",)
    row_keys = [key for key in _ordered(view.keys) if key != across]
    held = _held(view, row_keys)
    row_keys = [key for key in row_keys if key not in held]
    yields = select(tables.yields, held)
    both = sides(meta, is_noisy(tables, held))
    if len(compared) * len(specs) <= MAX_SHARED_COLUMNS:
        columns = [(value, spec) for value in compared for spec in specs]
        return (_yield_grid(meta, yields, view, row_keys, across, columns, "", held, both),)
    grids = []
    for spec in sorted(specs, key=lambda spec: (spec != view.spec_lsb, spec))[:MAX_GRIDS]:
        columns = [(value, spec) for value in compared[:MAX_COLUMNS]]
        title = f"Spec: {meta.spec_text(spec)}"
        grids.append(_yield_grid(meta, yields, view, row_keys, across, columns, title, held, both))
    return tuple(grids)


def _held(view: View, row_keys: Sequence[str]) -> dict[str, Value]:
    """Returns the keys that a table holds at the slice, lest it be too long; it has one key at least."""
    held: dict[str, Value] = {}
    free = list(row_keys)
    while len(free) > 1 and math.prod(len(view.values[key]) for key in free) > MAX_ROWS:
        fewest = min(reversed(free), key=lambda key: len(view.values[key]))
        free.remove(fewest)
        held[fewest] = view.at(fewest)
    return held


def _yield_grid(
    meta: ReportMeta,
    yields: pd.DataFrame,
    view: View,
    row_keys: Sequence[str],
    across: str | None,
    columns: Sequence[tuple[Value, float]],
    title: str,
    held: Mapping[str, Value],
    both: Sequence[Side],
) -> Grid:
    keys = [*row_keys, *([across] if across else []), "spec_lsb"]
    found = [{tuple(row[key] for key in keys): row for _, row in side.of(yields).iterrows()} for side in both]
    names = list(dict.fromkeys(key[: len(row_keys)] for key in found[0]))
    names.sort(key=lambda name: [view.values[key].index(value) for key, value in zip(row_keys, name, strict=True)])
    rows = []
    for name in names[:MAX_ROWS]:
        cells = []
        for value, spec in columns:
            at = (*name, *((value,) if across else ()), spec)
            cells.append(_yield_cell([rows_of[at] for rows_of in found], both) if at in found[0] else Cell(""))
        rows.append(Row(_names(meta, row_keys, name), tuple(cells)))
    heads = [
        "\n".join(
            [
                *([marked(meta, across, value, setting(across, value))] if across else []),
                *([] if title else [meta.spec_text(spec)]),
            ]
        )
        for value, spec in columns
    ]
    left_out = []
    if len(names) > MAX_ROWS:
        left_out.append(f"{MAX_ROWS} of {len(names)} rows")
    if across and len(view.values[across]) > len(dict.fromkeys(value for value, _ in columns)):
        left_out.append(f"{len(columns)} of {len(view.values[across])} values of {name_of(across)}")
    if held:
        left_out.append(f"the rows at {slice_text(held)}")
    note = f"Shown: {' and '.join(left_out)}. " if left_out else ""
    note += mark_note(meta, view.values.get("device", ()))
    return Grid(title, tuple(map(name_of, row_keys)), tuple(heads), group_rows(rows), note)


def _names(meta: ReportMeta, keys: Sequence[str], values: Sequence[Value]) -> tuple[str, ...]:
    """Returns the names of a row: values with their units, under the names of the keys."""
    return tuple(
        marked(meta, key, value, setting(key, value) if key == "calibration" else value_text(key, value))
        for key, value in zip(keys, values, strict=True)
    )


def _yield_cell(rows: Sequence["pd.Series[float]"], both: Sequence[Side]) -> Cell:
    """Returns a yield with its interval, and small below it that of the other side."""
    shares = [percent(row["yield_fraction"], row["ci_low"], row["ci_high"]) for row in rows]
    intervals = [percent_interval(row["ci_low"], row["ci_high"]) for row in rows]
    beside = [f"{side.words} {share}" for side, share in zip(both[1:], shares[1:], strict=True)]
    return Cell(shares[0], "\n".join([intervals[0], *beside]), float(rows[0]["yield_fraction"]))


def yield_note(meta: ReportMeta, tables: Tables) -> str:
    """Says what the yields of the tables are, in a sentence or two."""
    both = sides(meta, is_noisy(tables, {}))
    small = f"small, its {confidence_text(meta.confidence)} confidence interval"
    label = measure_label(both[0].measure)
    if meta.counts:
        return f"Share of chips in % whose {label} are at most so many; {small}."
    first = f"Share of chips in % whose {label} stays inside the spec; {small}"
    if len(both) == 1:
        return f"{first}. {NO_NOISE[0].upper()}{NO_NOISE[1:]}."
    return f"{first}, and, {both[1].words}, the share whose {measure_label(both[1].measure)} stays inside it."


def measure_grid(meta: ReportMeta, tables: Tables, view: View) -> Grid:
    """Lays out the means of all measures at the slice, by compared value and one key more, noise beside worst INL."""
    # with several keys beside the compared one the table would be long: all but one stay at the slice
    swept = swept_key([key for key in view.slice if key != "bits"], view.values)
    free = [key for key in ("function", swept or "", "bits", *view.slice) if key in view.slice][:1]
    row_keys = [*free, *([view.compare] if view.compare else [])]
    where = {key: value for key, value in view.slice.items() if key not in free}
    rows_at_slice = select(tables.summary, where)
    present = set(rows_at_slice["measure"])
    measures = [m for m in MEASURE_LABELS if m in present] + sorted(present - set(MEASURE_LABELS))
    found = {(*(row[key] for key in row_keys), row["measure"]): row for _, row in rows_at_slice.iterrows()}
    names = list(dict.fromkeys(key[:-1] for key in found))
    names.sort(key=lambda name: [view.values[key].index(value) for key, value in zip(row_keys, name, strict=True)])
    rows = [
        Row(
            _names(meta, row_keys, name),
            tuple(_measure_cell(found.get((*name, measure)), measure_unit(measure)) for measure in measures),
        )
        for name in names[:MAX_ROWS]
    ]
    heads = tuple(f"{measure_label(m)} ({measure_unit(m)})" if measure_unit(m) else measure_label(m) for m in measures)
    title = f"Means at {slice_text(where)}" if where else "Means over the chips"
    cut = f"Shown: {MAX_ROWS} of {len(names)} rows. " if len(names) > MAX_ROWS else ""
    interval = f"{confidence_text(meta.confidence)} confidence interval"
    cut += mark_note(meta, view.values.get("device", ()))
    note = f"{cut}Mean over the chips; small, its {interval} and q95, the 95 % quantile over the chips."
    return Grid(title, tuple(map(name_of, row_keys)), heads, group_rows(rows), note)


def group_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Lets the first name of neighbouring rows that share it span them all, where rows have more than one name."""
    if not rows or len(rows[0].names) < 2:
        return tuple(rows)
    grouped: list[Row] = []
    for _, same in itertools.groupby(rows, key=lambda row: row.names[0]):
        group = list(same)
        grouped.append(replace(group[0], span=len(group), starts_group=True))
        grouped.extend(replace(row, span=0) for row in group[1:])
    return tuple(grouped)


def _measure_cell(row: "pd.Series[float] | None", unit: str) -> Cell:
    if row is None:
        return Cell("")
    return mean_cell(row["mean"], row["mean_ci_low"], row["mean_ci_high"], unit=unit, q95=row["p95"])


def mean_cell(mean: float, low: float, high: float, *, unit: str = "LSB", q95: float | None = None) -> Cell:
    """Returns the cell of a mean: beside it its interval, and the 95 % quantile where one is given."""
    if math.isnan(mean):
        return Cell("")
    if mean == 0 or (unit == "LSB" and abs(mean) < LEAST_LSB):
        return Cell("0")
    if high == low:  # all chips alike
        return Cell(f"{mean:.4g}")
    if abs(mean) < _LEAST_QUANTILE or (q95 is not None and not math.isfinite(q95)):
        q95 = None
    if not 0 < high - low < math.inf:
        return Cell(f"{mean:.4g}", "" if q95 is None else f"q95 {q95:.4g}")
    # as many digits as the interval tells apart, but three at least and four at most
    magnitude = math.floor(math.log10(abs(mean))) if mean else 0
    decimals = max(min(max(math.ceil(-math.log10(0.5 * (high - low))), 2 - magnitude), 3 - magnitude), 0)

    def fixed(value: float) -> str:
        return count_text(value) if decimals == 0 else f"{value:.{decimals}f}"

    quantile = [] if q95 is None else [f"q95 {fixed(q95)}"]
    return Cell(fixed(mean), "; ".join([f"{fixed(low)}–{fixed(high)}", *quantile]))


def common_text(tables: Tables, view: View) -> str:
    """Says what all points share: "sigmoid, 5 bits, midrise levels, taox_paper; 40 000 chips per point"."""
    fixed = dict(view.fixed)
    if "levels" in tables.summary.columns and "levels" not in view.keys:
        fixed["levels"] = tables.summary["levels"].iloc[0]
    counts = sorted(set(tables.yields["n_samples"]))
    chips = count_text(counts[0]) if len(counts) == 1 else f"{count_text(counts[0])} to {count_text(counts[-1])}"
    shared = slice_text(fixed)
    return f"{shared}; {chips} chips per point" if shared else f"{chips} chips per point"


def _ordered(keys: Sequence[str]) -> list[str]:
    order = ("function", "bits", "levels", "device")
    return sorted(keys, key=lambda key: order.index(key) if key in order else len(order))
