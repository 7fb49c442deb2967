"""Finds the wanted columns of a measured table by its header, each with its unit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rampjax.checks import InputError, nearest
from rampjax.interop.measured.dialect import SEPARATORS, separator_name
from rampjax.interop.measured.options import LEFT_OUT, REST
from rampjax.interop.measured.units import BASE_UNITS, EXAMPLE, LISTED, UNITS, check_unit, column_key, in_quotes

_CONDUCTANCE: Final = frozenset({"g", "conductance"})  # words that name a quantity
_RESISTANCE: Final = frozenset({"r", "resistance"})
_BRACKETS: Final = re.compile(r"(.*?)[\s_]*(?:\(([^()]*)\)|\[([^\[\]]*)\])", re.DOTALL)


@dataclass(frozen=True)
class Wanted:
    """One column that a command reads."""

    name: str
    quantity: str  # conductance, time, voltage, number (no unit), label (text) or unused (known, but never read)
    required: bool = True
    aliases: tuple[str, ...] = ()
    low: float | None = None  # limits of a single value, in the unit in which it is returned
    high: float | None = None
    repeats: bool = False  # may be there several times (code,code or code...): a row for each


@dataclass(frozen=True)
class Place:
    """Where a wanted column stands, and in which unit."""

    wanted: Wanted
    index: int
    header: str
    unit: str | None
    others: tuple[int, ...] = ()  # further columns of one that repeats
    rest: bool = False  # all cells behind it are of this column too


def named_units(path: str | Path, wanted: Sequence[Wanted], units: Mapping[str, str]) -> dict[str, str]:
    """Returns the given units by `Wanted.name`, checked."""
    names = {column_key(name): column for column in wanted for name in (column.name, *column.aliases)}
    found: dict[str, str] = {}
    for name, unit in units.items():
        column = names.get(column_key(name))
        if column is None:
            raise InputError(
                f"{path}: --units: `{name}` is not a column that is read.{nearest(column_key(name), names)}"
            )
        if column.quantity not in BASE_UNITS:
            raise InputError(
                f"{path}: --units: the column `{column.name}` has no unit, but {in_quotes(unit)} is given."
            )
        if found.get(column.name, unit) != unit:
            raise InputError(f"{path}: --units gives two units for the column `{column.name}`, expected one.")
        check_unit(f"{path}: --units: `{column.name}`", unit, column.quantity)
        found[column.name] = unit
    return found


def find_columns(
    where: str, header: Sequence[str], wanted: Sequence[Wanted], units: Mapping[str, str], sep: str = ","
) -> tuple[list[Place], list[str]]:
    """Returns where each wanted column stands, and notes on the others but those that are named as left out.

    Args:
        where: begins a sentence.
        header: the names.
        wanted: the columns that are read.
        units: by `Wanted.name`, of columns that do not say theirs.
        sep: what stands between cells, for a message.
    """
    places: dict[str, Place] = {}
    notes = []
    for index, text in enumerate(header):
        rest = index == len(header) - 1 and text.endswith(REST)
        name = text.removesuffix(REST).rstrip() if rest else text
        if name in LEFT_OUT:
            continue
        place = _place(where, index, name, wanted)
        if place is None:
            notes.append(f"the column {in_quotes(text)} is not used." if text else f"column {index + 1} has no name.")
            continue
        _add(where, places, replace(place, rest=rest))
    for column in wanted:
        if column.required and column.name not in places:
            raise InputError(_missing(where, header, column, sep))
    for name in units:
        if name not in places:
            raise InputError(f"{where}: --units names the column `{name}`, which the file does not have.")
    return [_with_unit(where, place, units) for place in places.values()], notes


def _add(where: str, places: dict[str, Place], place: Place) -> None:
    """Adds a place, beside that of the same column where it repeats."""
    column = place.wanted
    if place.rest and not column.repeats:
        raise InputError(
            f"{where}: {in_quotes(place.header + REST)} goes on to the end of a row, but a row has one "
            f"`{column.name}`, expected no {REST} behind it."
        )
    known = places.get(column.name)
    if known is None:
        places[column.name] = place
    elif column.repeats and known.unit == place.unit:
        places[column.name] = replace(known, others=(*known.others, place.index), rest=place.rest)
    else:
        both = f"{in_quotes(known.header)} and {in_quotes(place.header)}"
        raise InputError(f"{where}: has the column `{column.name}` twice ({both}), expected it once.")


def _place(where: str, index: int, text: str, wanted: Sequence[Wanted]) -> Place | None:
    bracketed = _BRACKETS.fullmatch(text)
    base, unit = text, None
    if bracketed:
        base, unit = bracketed[1], (bracketed[2] or bracketed[3] or "").strip() or None
    for column in wanted:
        for name in (column.name, *column.aliases):
            if column_key(base) == column_key(name):
                if unit is not None and column.quantity in BASE_UNITS:
                    check_unit(f"{where}: {in_quotes(text)}", unit, column.quantity)
                elif unit is not None:
                    raise InputError(f"{where}: {in_quotes(text)} has a unit, but the column `{column.name}` has none.")
                return Place(column, index, text, unit)
            ending = re.split(r"[_\s]", base)[-1]
            if unit is None and ending in UNITS and column_key(base[: -len(ending)]) == column_key(name):
                if column.quantity not in BASE_UNITS:
                    continue
                check_unit(f"{where}: {in_quotes(text)}", ending, column.quantity)
                return Place(column, index, text, ending)
    return None


def _with_unit(where: str, place: Place, units: Mapping[str, str]) -> Place:
    column = place.wanted
    if column.quantity not in BASE_UNITS:
        return place
    given = units.get(column.name)
    if place.unit is None and given is None:
        example = EXAMPLE[column.quantity]
        raise InputError(
            f"{where}: {in_quotes(place.header)} has no unit, expected `{column.name}_{example}` as its header, or "
            f"--units {column.name}={example}; known are {LISTED[column.quantity]}."
        )
    if place.unit is not None and given is not None and UNITS[place.unit] != UNITS[given]:
        raise InputError(
            f"{where}: {in_quotes(place.header)} says {place.unit}, but --units says {given}, expected one unit."
        )
    found = replace(place, unit=place.unit or given)
    _check_kind(where, found)
    return found


def _check_kind(where: str, place: Place) -> None:
    """Raises InputError for a conductance in ohms, or a resistance in siemens, by their names."""
    words = set(column_key(place.header).split("_"))
    inverse = UNITS[place.unit or ""].inverse
    if words & (_CONDUCTANCE if inverse else _RESISTANCE):
        is_, other = ("resistance", "conductance") if inverse else ("conductance", "resistance")
        raise InputError(
            f"{where}: {in_quotes(place.header)} is in {place.unit}, a unit of {is_}, but is named a {other}, expected "
            "one or the other."
        )


def _missing(where: str, header: Sequence[str], column: Wanted, sep: str) -> str:
    line = sep.join(header)
    for mark, name in SEPARATORS.items():
        if mark != sep and line.count(mark) > len(header) - 1:
            return f"{where}: has {name} between its cells, expected {separator_name(sep)}."
    unit = f"_{EXAMPLE[column.quantity]}" if column.quantity in BASE_UNITS else ""
    found = ", ".join(in_quotes(text) for text in header[:12]) + (", ..." if len(header) > 12 else "")
    spaces = " (--sep space cuts lines at spaces)" if len(header) == 1 and " " in line else ""
    return f"{where}: has no column `{column.name}{unit}`, expected it beside {found}{spaces}."
