"""The rows of a measured file as text, each with its line number, and how the file is written."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rampjax.checks import InputError
from rampjax.interop.measured.contents import read_text
from rampjax.interop.measured.dialect import (
    Line,
    recognise_decimal,
    recognise_separator,
    separator_name,
    split_lines,
)
from rampjax.interop.measured.numbers import is_number
from rampjax.interop.measured.options import AS_RECOGNISED, LEFT_OUT, Reading


@dataclass(frozen=True, eq=False)
class TextTable:
    """A table as text. Rows are as long as the file has them: nothing of them is checked."""

    path: str
    header: tuple[str, ...] | None  # names of the columns; None: there are none
    header_said: str  # where they are from: "header in line 1"
    header_of: str  # the same, within a sentence: "the header" or "--columns"
    header_where: str  # begins a sentence on them
    rows: Sequence[Line]  # line number and cells of each, blanks around cells taken off
    sep: str
    decimal: str
    compressed: bool

    @property
    def said(self) -> str:
        """A sentence on what was recognised."""
        widths = {len(row) for _, row in self.rows}
        cut = "one column" if widths == {1} else separator_name(self.sep)
        mark = "decimal commas" if self.decimal == "," else "decimal points"
        how = [*(["gzip"] if self.compressed else []), cut, mark, self.header_said]
        return f"{self.path}: {', '.join(how)}; {len(self.rows)} row{'' if len(self.rows) == 1 else 's'}"


def read_rows(path: str | Path, reading: Reading = AS_RECOGNISED) -> TextTable:
    """Reads the rows of a table.

    Lines that begin with `#` may stand before the header; where numbers follow at once, the last of them is the header
    (as `numpy.savetxt` writes it).

    Args:
        path: the file: UTF-8, perhaps compressed by gzip.
        reading: what was chosen; the rest is recognised.

    Raises:
        InputError: a file that cannot be read, can be read in two ways, or has no header or no rows.
    """
    expected = "expected a CSV table with a header" if reading.header else "expected a CSV table"
    text, compressed = read_text(path, expected)
    sep = reading.sep or recognise_separator(path, text, reading.decimal)
    try:
        lines = list(split_lines(text, sep))
    except csv.Error as error:
        raise InputError(f"{path}: {error}, {expected}.") from None
    first = next((i for i, (_, cells) in enumerate(lines) if not cells[0].startswith("#")), len(lines))
    if first == len(lines):
        raise InputError(f"{path}: {'is empty' if not lines else 'has comments only'}, {expected}.")
    if reading.header:
        line, names, rows = _header(path, lines, first, sep, reading.columns is not None)
        said, of, where = f"header in line {line}", "the header", f"{path}: line {line}"
    else:
        names, rows = None, lines[first:]
        said, of, where = "no header", "the header", str(path)
    header = None if names is None else tuple(names)
    if reading.columns is not None:
        header, of, where = reading.columns, "--columns", f"{path}: --columns"
        said += ", names from --columns" if names is None else " replaced by --columns"
    skipped = frozenset(i for i, name in enumerate(header or ()) if name in LEFT_OUT)
    decimal = reading.decimal or recognise_decimal(path, text, sep, rows, skipped)
    return TextTable(str(path), header, said, of, where, rows, sep, decimal, compressed)


def _header(
    path: str | Path, lines: Sequence[Line], first: int, sep: str, replaced: bool
) -> tuple[int, list[str], Sequence[Line]]:
    """The header's line and cells, and the rows below it."""
    line, cells = lines[first]
    rows = lines[first + 1 :]
    if any(map(is_number, cells)) and not (replaced and rows and _is_above_numbers(cells, rows[0][1])):
        if first == 0:
            chosen = "--no-header" if replaced else "--no-header with --columns NAME,NAME,..."
            raise InputError(
                f"{path}: line {line}: has numbers where the header should be, expected a header, or {chosen}."
            )
        line, cells = lines[first - 1]
        rows = lines[first:]
        names = [cells[0].lstrip("# \t"), *cells[1:]]
        return line, names[1:] if sep == " " and not names[0] else names, rows
    if not rows:
        raise InputError(f"{path}: has a header but no rows, expected one row for each measured value.")
    return line, cells, rows


def _is_above_numbers(cells: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a word of this line stands above a number of the next: then it is a header, numbers in it or not."""
    return any(is_number(below) and not is_number(cell) for cell, below in zip(cells, row, strict=False))
