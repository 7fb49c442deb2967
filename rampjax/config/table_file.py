"""Reads a function given as a table: a CSV file with the columns x and y."""

import csv
import itertools
import math
from pathlib import Path

import numpy as np

from rampjax.checks import InputError, to_real
from rampjax.config.reading import may_be_heading
from rampjax.target.functions import Function, table_function


def is_table_file(text: str) -> bool:
    """Says whether `text` is the path of a table, not the name or the expression of a function."""
    return text.lower().endswith(".csv")


def read_table(path: str | Path, name: str | None = None) -> Function:
    """Reads a piecewise linear function from a CSV file: two columns x, y, under a header or none, `x` ascending.

    Args:
        path: the file.
        name: what the function is called; the path, where nothing else is given.

    Raises:
        InputError: names the file, and the line where there is one: no such file, not UTF-8, a wrong number of columns,
            not a number, not finite, fewer than two rows, x not ascending.
    """
    rows = _read_rows(path)
    if len(rows) < 2:
        raise InputError(f"{path}: must have at least two rows of numbers, but has {len(rows)}.")
    for (_, before, _), (line, x, _) in itertools.pairwise(rows):
        if x <= before:
            raise InputError(f"{path}: line {line}: x must be ascending, but {x:g} follows {before:g}.")
    x_values, y_values = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    try:
        return table_function(name or str(path), x_values, y_values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _read_rows(path: str | Path) -> list[tuple[int, float, float]]:
    """Returns (line, x, y) of each row."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            cells = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, expected a CSV table with the columns x, y.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), expected a CSV table.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8 (byte {error.start}), expected a CSV table.") from None
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: is not CSV ({error}), expected two numbers.") from None
    if cells and [cell.strip().lower() for cell in cells[0][1]] == ["y", "x"]:
        raise InputError(f"{path}: line {cells[0][0]}: the columns must be x, y in this order, but are y, x.")
    if cells and _is_header(cells[0][1]):
        cells = cells[1:]
    return [_read_row(path, line, row) for line, row in cells]


def _is_header(row: list[str]) -> bool:
    return len(row) == 2 and all(may_be_heading(cell) for cell in row)


def _read_row(path: str | Path, line: int, row: list[str]) -> tuple[int, float, float]:
    if len(row) != 2:
        raise InputError(
            f"{path}: line {line}: must have two columns x,y with a comma between them, but has {len(row)}."
        )
    numbers = [_number(cell) for cell in row]
    for name, cell, number in zip("xy", row, numbers, strict=True):
        if number is None:
            raise InputError(f'{path}: line {line}: {name} must be a number, but is "{cell.strip()[:40]}".')
        if not math.isfinite(number):
            raise InputError(f"{path}: line {line}: {name} must be finite, but is {number:g}.")
    return line, float(numbers[0] or 0.0), float(numbers[1] or 0.0)


def _number(cell: str) -> float | None:
    try:
        return to_real(cell)
    except ValueError:
        return None
