"""How the model agrees with ngspice: what a report says of it, its two tables, and their files."""

import dataclasses
import gzip
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from rampjax.checks import InputError
from rampjax.report.meta import fields_from_provenance
from rampjax.report.tables import COMMON_KEYS, TEXT_COLUMNS, to_csv_text, write_whole

KIND: Final = "agreement"  # of a report, beside those of measured chips
FILES: Final = {"points": "agreement.csv", "levels": "levels.csv.gz"}
VALUES: Final[dict[str, tuple[str, ...]]] = {
    "points": (
        *("worst_level_lsb", "p95_level_lsb", "effect_lsb", "worst_decision_clocks", "effect_clocks"),
        *("decisions_compared", "inputs_compared", "inputs_with_another_code", "tolerance_lsb", "tolerance_clocks"),
        *("passed", "n_samples", "ngspice_s_per_chip"),
    ),
    "levels": ("sample", "level", "model_V", "spice_V", "error_local_lsb"),
}


@dataclass(frozen=True)
class AgreementMeta:
    """Everything that a report of agreement says beside the numbers of its tables.

    Attributes:
        title: The study's title.
        ngspice: Version of ngspice.
        clearance_lsb: Codes are compared of inputs further than this from every threshold, in local LSB.
        confidence: Confidence level of the interval, between 0 and 1.
        varied: The keys that vary, named as the columns of the tables.
        notes: What was simulated, one sentence each.
        provenance: Commit, versions, seed, configuration: shown as a table.
        kind: Which kind of report it is.
    """

    title: str
    ngspice: str
    clearance_lsb: float
    confidence: float = 0.95
    varied: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    kind: str = KIND

    def as_dict(self) -> dict[str, Any]:
        """Returns what belongs under the key `report` of provenance.json: all but the provenance around it."""
        kept = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "provenance"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


@dataclass(frozen=True)
class AgreementTables:
    """The results, one row per observation; key columns (function, bits, ..., what varies) first.

    Attributes:
        points: One row per point: how far levels and decisions are off at most, what the case does to them, and codes.
        levels: One row per point, chip and level: the held level by model and ngspice.
    """

    points: pd.DataFrame
    levels: pd.DataFrame


def is_agreement(document: Mapping[str, Any]) -> bool:
    """Says whether a parsed provenance.json is that of a comparison with ngspice."""
    report = document.get("report")
    return isinstance(report, Mapping) and report.get("kind") == KIND


def agreement_meta(document: Mapping[str, Any]) -> AgreementMeta:
    """Rebuilds the `AgreementMeta` from a parsed provenance.json.

    Raises:
        InputError: a key that is missing, unknown, or of the wrong type.
    """
    fields = fields_from_provenance(document, AgreementMeta)
    for name in ("ngspice", "clearance_lsb"):
        if name not in fields:
            raise InputError(f"provenance.json: `report.{name}` is missing, expected it in a comparison with ngspice.")
    return AgreementMeta(**fields)


def write_agreement(folder: Path, tables: AgreementTables) -> None:
    """Writes agreement.csv and levels.csv.gz into a folder, each whole or not at all."""
    for name, file_name in FILES.items():
        content = to_csv_text(getattr(tables, name)).encode()
        write_whole(Path(folder) / file_name, gzip.compress(content, mtime=0) if name == "levels" else content)


def read_agreement(folder: Path) -> AgreementTables:
    """Reads the tables that `write_agreement` wrote.

    Raises:
        InputError: A file is missing, is not a readable table, is empty, or lacks a column.
    """
    frames = {}
    for name, file_name in FILES.items():
        path = Path(folder) / file_name
        if not path.is_file():
            raise InputError(f"`{path}` must be a table written by a study, but there is no such file.")
        try:
            content = path.read_bytes()
            text = (gzip.decompress(content) if name == "levels" else content).decode()
            frames[name] = _parsed(text, name)
        except (OSError, EOFError, zlib.error, ValueError) as error:  # pandas' own are ValueErrors
            raise InputError(f"`{path}` must be a table written by a study, but cannot be read: {error}.") from error
        _check(name, frames[name], str(path))
    return AgreementTables(**frames)


def as_stored(tables: AgreementTables) -> AgreementTables:
    """Returns the tables as they read back from their files, so that a page drawn now and one drawn later agree."""
    return AgreementTables(**{name: _parsed(to_csv_text(getattr(tables, name)), name) for name in FILES})


def _parsed(text: str, name: str) -> pd.DataFrame:
    return pd.read_csv(
        io.StringIO(text),
        keep_default_na=False,
        na_values={column: ["", "nan"] for column in VALUES[name]},
        dtype=dict.fromkeys(TEXT_COLUMNS, str),
    )


def _check(name: str, frame: pd.DataFrame, path: str) -> None:
    missing = [column for column in (*COMMON_KEYS, *VALUES[name]) if column not in frame.columns]
    if missing:
        raise InputError(f"`{path}` must have a column `{missing[0]}`, but has none.")
    if frame.empty:
        raise InputError(f"`{path}` must have at least one row, but is empty.")
    for column in VALUES[name]:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise InputError(f"`{path}` must hold numbers in column `{column}`, but holds text.")
