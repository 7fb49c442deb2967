"""The series of a file as text: a column or a row for each cell, with its name and the unit that its header says."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rampjax.checks import InputError
from rampjax.interop.measured.numbers import is_number
from rampjax.interop.measured.options import LEFT_OUT, REST
from rampjax.interop.measured.rows import TextTable
from rampjax.interop.measured.units import UNITS, column_key, in_quotes

_IN_BRACKETS: Final = re.compile(r"(.*?)[\s_]*(?:\(([^()]*)\)|\[([^\[\]]*)\])", re.DOTALL)
_ENDING: Final = re.compile(r"(.*?)[_\s]([^_\s]+)", re.DOTALL)
_TIMES: Final = ("time", "t")
_NAMES: Final = ("cell", "device")


@dataclass(frozen=True)
class Line:
    """The samples of one cell, as text."""

    name: str
    unit: str | None  # as the header says
    cells: Sequence[str]
    named: Callable[[int], str]  # says which cell the one at an index is, to begin a sentence


def rows(table: TextTable, n_skipped: int, names: Sequence[str] | None) -> list[Line]:
    """Returns a series for each row: leading cells, one of which may be the name, then the samples.

    Args:
        table: read without a header.
        n_skipped: leading cells that are no samples; the first is the name.
        names: in its place, what the leading cells are, and last the samples: `cell`, `_`, `g_uS...`.

    Raises:
        InputError: rows of different lengths, or names that say something else.
    """
    name_at, unit = (0 if n_skipped else None), None
    if names is not None:
        n_skipped, name_at, unit = _leading(names)
    lines = []
    for number, (at, row) in enumerate(table.rows, 1):
        name = row[name_at] if name_at is not None and name_at < len(row) and row[name_at] else f"row {number}"

        def named(index: int, at: int = at) -> str:
            return f"{table.path}: line {at}: cell {n_skipped + index + 1}"

        lines.append(Line(name, unit, row[n_skipped:], named))
        n, expected = len(row) - n_skipped, len(lines[0].cells)
        if n != expected:
            raise InputError(
                f"{table.path}: line {at}: has {max(n, 0)} samples, expected {expected} as in the first row."
            )
    return lines


def _leading(names: Sequence[str]) -> tuple[int, int | None, str | None]:
    """How many leading cells there are, which of them is the name, and the unit of the samples."""
    if not names[-1].endswith(REST):
        raise InputError(
            f"--columns must end with the samples of a row, such as g_uS{REST}, but ends with {in_quotes(names[-1])}."
        )
    name_at = next((i for i, name in enumerate(names[:-1]) if column_key(name) in _NAMES), None)
    for i, name in enumerate(names[:-1]):
        if i != name_at and name not in LEFT_OUT:
            raise InputError(
                f"--columns: {in_quotes(name)} is not known with --rows, expected cell, or _ for no sample."
            )
    return len(names) - 1, name_at, split_unit(names[-1].removesuffix(REST))[1]


def has_text_alone(row: Sequence[str]) -> bool:
    """Whether no cell of a row is a number."""
    return not any(map(is_number, row))


def columns(table: TextTable) -> tuple[list[Line], Line | None]:
    """Returns a series for each column, and that of the times.

    Args:
        table: with names of its columns or without.

    Raises:
        InputError: rows of different lengths, or two columns of times.
    """
    width = len(table.header) if table.header is not None else len(table.rows[0][1])
    for at, row in table.rows:
        if len(row) != width:
            raise InputError(
                f"{table.path}: line {at}: has {len(row)} cell{'s' * (len(row) != 1)}, expected {width} as in "
                f"{_width_of(table)}."
            )
    header = table.header or tuple(f"column {i + 1}" for i in range(width))
    lines: list[Line] = []
    times: list[Line] = []
    for index, text in enumerate(header):
        if text in LEFT_OUT:
            continue
        if text.endswith(REST):
            raise InputError(f"--columns: {in_quotes(text)} goes on along a row, expected so with --rows only.")
        base, unit = split_unit(text)
        is_time = column_key(base) in _TIMES or column_key(text) in _TIMES

        def named(row: int, name: str = text) -> str:
            return f"{table.path}: line {table.rows[row][0]}: `{name}`"

        line = Line(text or f"column {index + 1}", unit, [row[index] for _, row in table.rows], named)
        (times if is_time else lines).append(line)
    if len(times) > 1:
        raise InputError(f"{table.path}: has two columns of times ({times[0].name}, {times[1].name}), expected one.")
    return lines, times[0] if times else None


def _width_of(table: TextTable) -> str:
    """What says how many cells a row has, to end a sentence."""
    if table.header is None:
        return "the first row"
    return "--columns" if "--columns" in table.header_said else "the header"


def without_unit(line: Line, unit: str) -> Line:
    """Returns a series whose name is without the unit that it ends with, where that is its unit."""
    base = split_unit(line.name)[0].strip()
    return replace(line, name=base) if line.unit == unit and base else line


def distinct(path: str | Path, lines: list[Line]) -> list[Line]:
    """Returns the series; raises InputError where two have one name."""
    seen: set[str] = set()
    for line in lines:
        if line.name in seen:
            raise InputError(f"{path}: has the cell {in_quotes(line.name)} twice, expected one name for each.")
        seen.add(line.name)
    return lines


def split_unit(text: str) -> tuple[str, str | None]:
    """Returns a header's name and its unit: in brackets whatever stands there, at the end where it is one."""
    found = _IN_BRACKETS.fullmatch(text)
    if found:
        return found[1], (found[2] or found[3] or "").strip() or None
    ending = _ENDING.fullmatch(text)
    if ending and ending[2] in UNITS:
        return ending[1], ending[2]
    return text, None


def in_brackets(text: str) -> bool:
    """Whether the unit of a header stands in brackets, where it can be nothing else."""
    return _IN_BRACKETS.fullmatch(text) is not None
