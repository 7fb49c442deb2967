"""The numbers of a study as four tidy tables, and their files.

Files are written whole or not at all (temporary name, then renamed), with six significant digits and no time stamp: the
same tables give the same bytes.
"""

import contextlib
import gzip
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rampjax.checks import InputError

FILES = {"summary": "summary.csv", "yields": "yield.csv", "curves": "yield_curve.csv", "bands": "bands.csv.gz"}

STATIC, TOTAL = "static", "total"
# The yields that belong side by side, each of its own measure at the same spec.
KINDS = {STATIC: "max_inl_lsb", TOTAL: "total_rmse_lsb"}
_OWN = ("yield_fraction", "ci_low", "ci_high")


def kind_columns(kind: str) -> tuple[str, str, str]:
    """Returns the columns of a yield of `KINDS`: its share of chips, and both ends of its interval."""
    name = f"{kind}_yield_fraction"
    return name, f"{name}_ci_low", f"{name}_ci_high"


_INTERVAL = ("spec_lsb", *_OWN, "n_samples", *kind_columns(STATIC), *kind_columns(TOTAL))
VALUE_COLUMNS: dict[str, tuple[str, ...]] = {
    "summary": (
        *("measure", "mean", "mean_ci_low", "mean_ci_high", "std"),
        *(f"p{q}{part}" for q in (50, 95, 99) for part in ("", "_ci_low", "_ci_high")),
        *("n_samples", "n_not_finite"),
    ),
    "yields": _INTERVAL,
    "curves": _INTERVAL,
    "bands": (
        *("k", "boundary", "x_target", "y_target", "x_p05", "x_p50", "x_p95", "y_p05", "y_p50", "y_p95"),
        *("inl_p05", "inl_p50", "inl_p95", "v_target_V", "v_p05_V", "v_p50_V", "v_p95_V", "n_chips"),
    ),
}  # every other column is a key: it tells the points of a study apart
COMMON_KEYS = ("function", "bits", "device", "calibration")
TEXT_COLUMNS = ("function", "levels", "device", "calibration", "inputs", "range", "method", "case", "measure")
_ALL_VALUES = frozenset(column for columns in VALUE_COLUMNS.values() for column in columns)


@dataclass(frozen=True)
class Tables:
    """The results of a study, one row per observation; key columns (function, bits, device, ..., what varies) first.

    Attributes:
        summary: One row per point and measure: mean and its interval, std, percentiles over the chips.
        yields: One row per point and spec: share of chips inside, with its interval; beside that of the study's own
            measure the static one and the total one of `KINDS` (missing where the specs are counts, not LSB).
        curves: Like `yields`, on a dense logarithmic grid of specs.
        bands: One row per point and threshold, with targets and 5, 50 and 95 % quantiles over the chips of the realised
            threshold (`x`), the realised function there (`y`), its error (`inl`, LSB) and the ramp (`v`, V).
    """

    summary: pd.DataFrame
    yields: pd.DataFrame
    curves: pd.DataFrame
    bands: pd.DataFrame


def of_kind(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Returns yields with the static or the total ones in the place of those of the study's own measure."""
    return frame.assign(**{own: frame[name] for own, name in zip(_OWN, kind_columns(kind), strict=True)})


def key_columns(frame: pd.DataFrame) -> list[str]:
    """Returns the columns that name a point of the study, in their order."""
    return [column for column in frame.columns if column not in _ALL_VALUES]


def check_tables(tables: Tables) -> None:
    """Raises InputError where a table is empty or lacks a column."""
    for name in FILES:
        _check_table(name, getattr(tables, name), f"The table `{name}`")


def _check_table(name: str, frame: pd.DataFrame, culprit: str) -> None:
    missing = [column for column in (*COMMON_KEYS, *VALUE_COLUMNS[name]) if column not in frame.columns]
    if missing:
        raise InputError(f"{culprit} must have a column `{missing[0]}`, but has none.")
    if frame.empty:
        raise InputError(f"{culprit} must have at least one row, but is empty.")
    for column in VALUE_COLUMNS[name]:
        if column != "measure" and not pd.api.types.is_numeric_dtype(frame[column]):
            raise InputError(f"{culprit} must hold numbers in column `{column}`, but holds text.")


def to_csv_text(frame: pd.DataFrame) -> str:
    """Returns a table as CSV: six significant digits, missing values empty, one line feed per row."""
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def from_csv_text(text: str, name: str) -> pd.DataFrame:
    """Parses what `to_csv_text` wrote for the table `name`; keys such as "none" or "nan" stay text."""
    numeric = [column for column in VALUE_COLUMNS[name] if column != "measure"]
    return pd.read_csv(
        io.StringIO(text),
        keep_default_na=False,
        na_values={column: ["", "nan"] for column in numeric},
        dtype=dict.fromkeys(TEXT_COLUMNS, str),
    )


def as_stored(tables: Tables) -> Tables:
    """Returns the tables as they read back from their files, so that a page drawn now and one drawn later agree."""
    check_tables(tables)
    return Tables(**{name: from_csv_text(to_csv_text(getattr(tables, name)), name) for name in FILES})


def write_tables(folder: Path, tables: Tables) -> list[Path]:
    """Writes summary.csv, yield.csv, yield_curve.csv and bands.csv.gz into `folder`, each whole or not at all.

    Returns:
        The paths written.

    Raises:
        InputError: A table is empty or lacks a column, or the folder cannot be written.
    """
    check_tables(tables)
    paths = []
    for name, file_name in FILES.items():
        content = to_csv_text(getattr(tables, name)).encode()
        # a gzip header may carry a name and a time: neither belongs to the numbers
        content = gzip.compress(content, mtime=0) if file_name.endswith(".gz") else content
        paths.append(write_whole(Path(folder) / file_name, content))
    return paths


def read_tables(folder: Path) -> Tables:
    """Reads the four tables that `write_tables` wrote.

    Raises:
        InputError: A file is missing, is not a readable table, is empty, or lacks a column.
    """
    frames: dict[str, pd.DataFrame] = {}
    for name, file_name in FILES.items():
        path = Path(folder) / file_name
        if not path.is_file():
            raise InputError(f"`{path}` must be a table written by a study, but there is no such file.")
        try:
            content = path.read_bytes()
            text = (gzip.decompress(content) if file_name.endswith(".gz") else content).decode()
            frames[name] = from_csv_text(text, name)
        except (
            OSError,
            EOFError,
            zlib.error,
            UnicodeDecodeError,
            pd.errors.ParserError,
            pd.errors.EmptyDataError,
        ) as error:
            raise InputError(f"`{path}` must be a table written by a study, but cannot be read: {error}.") from error
        _check_table(name, frames[name], f"`{path}`")
    return Tables(**frames)


def write_whole(path: Path, content: bytes) -> Path:
    """Writes a file whole or not at all: to a temporary name beside it, which is then renamed.

    Raises:
        InputError: The folder cannot be made or written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError(f"`{path}` cannot be written: {error.strerror or error}.") from error
    return path
