"""Which points of a study to compare, at which slice of the rest: one choice, shared by the answer and every figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rampjax.report.labels import Value, is_reads
from rampjax.report.meta import ReportMeta
from rampjax.report.tables import Tables, key_columns

COMPARE_FIRST = ("calibration", "method")  # the last of these before the others
COMPARE_LAST = ("case", "device", "levels", "bits", "function")  # compared only where nothing before them varies
_REFERENCES = ("none", "closed_form")  # what others are held against
_LEAST_SPREAD = 0.1  # of yields: what is closer tells little


@dataclass(frozen=True)
class View:
    """The choice that a report makes among the points of a study.

    Attributes:
        keys: The key columns that hold more than one value, in the order in which the study names them.
        values: The values of each of `keys`, in the order of the study.
        compare: The key whose values are compared (calibration, where it varies); None for a single point.
        slice: The value of every other varying key: the middle one of numbers, the first of names (see `make_view`).
        fixed: The value of each key column that does not vary.
        spec_lsb: The headline spec: 0.5 LSB where the study has it, else its middle one; of counts the smallest.
        best: The value of `compare` with the highest yield at the headline spec; None for a single point.
        against: The value to hold it against: `none` or the first, or the one of lowest yield where that is best.
    """

    keys: tuple[str, ...]
    values: Mapping[str, tuple[Value, ...]]
    compare: str | None
    slice: Mapping[str, Value]
    fixed: Mapping[str, Value]
    spec_lsb: float
    best: Value | None
    against: Value | None

    def at(self, key: str) -> Value:
        """Returns the value of a key at the slice, or the fixed one, or the best one of the compared key."""
        return {**self.fixed, **self.slice, **self.best_point()}[key]

    def best_point(self) -> dict[str, Value]:
        """Returns the compared key at its best value; empty for a single point."""
        return {} if self.compare is None or self.best is None else {self.compare: self.best}

    def where(self, **changes: Value | None) -> dict[str, Value]:
        """Returns the slice with some keys set otherwise; None drops a key, so that all its values stay."""
        chosen = {**self.slice, **changes}
        return {key: value for key, value in chosen.items() if value is not None}


def make_view(meta: ReportMeta, tables: Tables) -> View:
    """Chooses what to compare, at which slice, and which value comes out best."""
    frame = tables.yields
    values = {key: ordered_values(frame, key) for key in key_columns(frame)}
    named = [key for key in meta.varied if key in values]
    for key in _of_cases(frame, values):
        del values[key]
    keys = tuple(key for key in [*named, *(k for k in values if k not in named)] if len(values.get(key, ())) > 1)
    compare = next(iter(compared_first(keys, values)), None)
    judge = next((device for device in values.get("device", ()) if device in meta.cells), None)
    if judge is not None and "device" in keys:
        compare = "device"
    specs = sorted(set(frame["spec_lsb"]))
    spec_lsb = specs[0] if meta.counts else 0.5 if 0.5 in specs else specs[(len(specs) - 1) // 2]
    chosen = {key: usual(key, values[key]) for key in keys if key != compare}
    if compare is not None:
        chosen = _telling(select(frame, {"spec_lsb": spec_lsb}), compare, chosen, values)
    best = against = None
    if compare is not None:
        ranked = _ranked(meta, tables, compare, {**chosen, "spec_lsb": spec_lsb})
        best = ranked[-1]
        if compare == "device" and judge is not None:  # laws are held against the cells, whichever yields more
            ranked = [value for value in ranked if value != judge] + [judge]
            best = judge
        reference = next((value for value in _REFERENCES if value in values[compare]), values[compare][0])
        against = reference if reference != best else ranked[0]
    fixed = {key: held[0] for key, held in values.items() if key not in keys}
    return View(keys, {key: values[key] for key in keys}, compare, chosen, fixed, spec_lsb, best, against)


def _of_cases(frame: pd.DataFrame, values: Mapping[str, Sequence[Value]]) -> list[str]:
    """Returns the keys that a study does not vary by themselves: the case decides what they are."""
    if len(values.get("case", ())) < 2:
        return []
    others = [key for key in values if key != "case" and len(values[key]) > 1]
    return [key for key in others if frame.groupby("case")[key].nunique().max() == 1]


def compared_first(keys: Sequence[str], values: Mapping[str, Sequence[Value]]) -> list[str]:
    """Sorts keys by how much a reader wants to see them side by side: methods of design first, functions last.

    Names come before numbers, and numbers of few values before those of many, which make an axis.
    """
    place = {key: position for position, key in enumerate(COMPARE_LAST, start=1)}
    place |= {key: -position for position, key in enumerate(COMPARE_FIRST, start=1)}

    def rank(key: str) -> tuple[int, int]:
        return place.get(key, 0), len(values[key]) if is_number(values[key]) else 0

    return sorted(keys, key=rank)


def ordered_values(frame: pd.DataFrame, key: str) -> tuple[Value, ...]:
    """Returns the values of a key: numbers ascending (noise-free reads last), names in the order of the study."""
    held = list(dict.fromkeys(frame[key].tolist()))
    if not is_number(held):
        return tuple(held)
    return tuple(sorted(held, key=lambda value: (value == 0 and is_reads(key), value)))


def is_number(values: Sequence[Any]) -> bool:
    """Says whether all values are numbers."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def middle(values: Sequence[Value]) -> Value:
    """Returns the middle one of ascending numbers (the lower of two), the first of names."""
    return values[(len(values) - 1) // 2] if is_number(values) else values[0]


def usual(key: str, values: Sequence[Value]) -> Value:
    """Returns the value at which to look at the others: the middle one, of reads the noise-free one."""
    return 0 if is_reads(key) and 0 in values else middle(values)


def swept_key(keys: Sequence[str], values: Mapping[str, Sequence[Value]], least: int = 2) -> str | None:
    """Returns which of the keys a study sweeps: the number with most values, bits last; None where none has enough."""
    numbers = [key for key in keys if is_number(values[key]) and len(values[key]) >= least]
    return max(numbers, key=lambda key: (key != "bits", len(values[key])), default=None)


def _telling(
    yields: pd.DataFrame, compare: str, chosen: Mapping[str, Value], values: Mapping[str, Sequence[Value]]
) -> dict[str, Value]:
    """Returns the slice, moved along its sweep or its cases to where the compared values differ most.

    Only where they hardly differ yet: a setting at its nominal value may change nothing, and ratiometric or fixed
    references are the same there.
    """
    swept = swept_key([key for key in chosen if key != "bits"], values) or ("case" if "case" in chosen else None)
    if swept is None:
        return dict(chosen)
    at_rest = select(yields, {key: value for key, value in chosen.items() if key != swept})
    spread = at_rest.groupby(swept)["yield_fraction"].agg(lambda shares: shares.max() - shares.min())
    if spread[chosen[swept]] >= _LEAST_SPREAD:
        return dict(chosen)
    return {**chosen, swept: max(values[swept], key=lambda value: (spread[value], value == chosen[swept]))}


def select(frame: pd.DataFrame, where: Mapping[str, Value]) -> pd.DataFrame:
    """Returns the rows at which every key has the given value; keys that the table does not have are passed over."""
    for key, value in where.items():
        if key in frame.columns:
            frame = frame[frame[key] == value]
    return frame


def _ranked(meta: ReportMeta, tables: Tables, compare: str, where: Mapping[str, Value]) -> list[Value]:
    """Sorts the compared values by yield at the headline spec, the best last; between equals, by falling mean error."""
    yields = select(tables.yields, where)
    chosen = {key: value for key, value in where.items() if key != "spec_lsb"}
    summary = select(tables.summary, {**chosen, "measure": meta.yield_of})
    share = yields.groupby(compare)["yield_fraction"].mean()
    error = summary.groupby(compare)["mean"].mean()
    values = ordered_values(yields, compare)
    return sorted(values, key=lambda value: (share[value], -error.get(value, 0.0)))
