"""How a table is written, where nobody says it: what stands between its cells, and what its decimal mark is.

A separator is recognised where every line has the same number of it; else, so that the line that is wrong can be named,
where it is the only one of the first line. Whatever could be read in two ways is refused.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rampjax.checks import InputError
from rampjax.interop.measured.numbers import NUMBERS
from rampjax.interop.measured.units import in_quotes

SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}  # those that are recognised
_OPTIONS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)

Line = tuple[int, list[str]]  # line number, cells


def separator_name(sep: str) -> str:
    """A separator as a sentence has it: "tabs"."""
    return SEPARATORS.get(sep) or ("spaces" if sep == " " else f"{in_quotes(sep)}")


def split_lines(text: str, sep: str) -> Iterator[Line]:
    """Yields the number and the cells of each line, blanks around cells taken off; blank lines are left out.

    Args:
        text: the table.
        sep: what stands between cells; a space: any number of them.

    Raises:
        csv.Error: a quote that does not end, or text behind it.
    """
    if sep == " ":
        for number, line in enumerate(_LINE_ENDS.split(text), 1):
            if line.strip():
                yield number, [cell.strip() for cell in line.split(" ") if cell.strip()]
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sep, strict=True, skipinitialspace=True)
    try:
        for row in reader:
            if row[1:] or "".join(row).strip():
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        said = str(error).replace("\t", "\\t")  # it repeats the separator as it is
        raise csv.Error(f"line {reader.line_num}: is not CSV ({said})") from None


def recognise_separator(path: str | Path, text: str, decimal: str | None) -> str:
    """Returns what stands between the cells of a table; a comma where there is one column.

    Args:
        path: the file, for a message.
        text: the table.
        decimal: its decimal mark, where it was chosen: a decimal comma is no separator.

    Raises:
        InputError: the lines can be cut in two ways.
    """
    first = next((line for line in _LINE_ENDS.split(text) if _counts(line)), "")
    found = [sep for sep in SEPARATORS if sep != decimal and sep in text]
    widths = {sep: _widths(text, sep) for sep in found}
    alike = [sep for sep in found if len(widths[sep]) == 1 and widths[sep] != {1}]
    if alike == [","]:
        # Rows of several lengths, each with decimal commas, may have the same number of them.
        alike += [sep for sep in found if sep != "," and widths[sep] and 1 not in widths[sep]]
    present = alike or [sep for sep in found if sep in first]
    if len(present) == 2 and "," in present:
        other = next(sep for sep in present if sep != ",")
        if _commas_are_decimal(text if alike else first, other):
            return other
    if len(present) > 1:
        named = " or ".join(SEPARATORS[sep] for sep in present)
        options = " or ".join(f"--sep {_OPTIONS[sep]}" for sep in present)
        raise InputError(f"{path}: its lines can be cut at {named}, expected {options}.")
    return present[0] if present else ("\t" if decimal == "," else ",")


def recognise_decimal(path: str | Path, text: str, sep: str, rows: Sequence[Line], skipped: frozenset[int]) -> str:
    """Returns the decimal mark of a table: "." or ",".

    Args:
        path: the file, for a message.
        text: the table.
        sep: what stands between its cells; between commas there are decimal points.
        rows: its rows, without the header.
        skipped: indices of columns that are left out.

    Raises:
        InputError: both are there, or all commas may be those of thousands.
    """
    if sep == "," or "," not in text:
        return "."
    found: dict[str, tuple[int, str]] = {}
    only_thousands = True
    for line, row in rows:
        for index, cell in enumerate(row):
            mark = "," if "," in cell else "."
            if mark in cell and index not in skipped and NUMBERS[mark].fullmatch(cell):
                found.setdefault(mark, (line, cell))
                only_thousands &= mark == "." or bool(_THOUSANDS.fullmatch(cell))
    if len(found) == 2:
        (line, comma), (other, point) = found[","], found["."]
        raise InputError(
            f"{path}: has both {in_quotes(comma)} (line {line}) and {in_quotes(point)} (line {other}), expected "
            "--decimal comma or --decimal point."
        )
    if "," in found and only_thousands:
        line, cell = found[","]
        raise InputError(
            f"{path}: line {line}: {in_quotes(cell)} may have a decimal comma or one of thousands, as all its numbers "
            "may, expected --decimal comma, or no commas."
        )
    return "," if "," in found else "."


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _widths(text: str, sep: str) -> set[int]:
    """The numbers of cells that lines have; none where they are not CSV."""
    if '"' not in text:
        return {line.count(sep) + 1 for line in _LINE_ENDS.split(text) if _counts(line)}
    try:
        return {len(row) for _, row in split_lines(text, sep) if not row[0].startswith("#")}
    except csv.Error:
        return set()


def _commas_are_decimal(text: str, sep: str) -> bool:
    """Whether every comma of a table that is cut at another separator stands within a number."""
    try:
        rows = [row for _, row in split_lines(text, sep) if not row[0].startswith("#")]
    except csv.Error:
        return False
    return all(NUMBERS[","].fullmatch(cell) for row in rows for cell in row if "," in cell)
