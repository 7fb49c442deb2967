"""Reads a converter's table back; each refusal is a sentence with file and key."""

import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from rampjax.checks import InputError, nearest
from rampjax.config.reading import reading
from rampjax.interop.table import KEYS, SCHEMA_VERSION, ConverterTable

_EXPECTED: Final = "expected a converter's table as `rampjax export` writes it, .json or .npz"
_MAY_BE_NULL: Final = ("sample", "seed", "x_lo", "x_hi")


def load_table(path: str | Path) -> ConverterTable:
    """Reads the table of a converter, every number of it checked.

    Args:
        path: what `rampjax export` or `export_table` wrote, ending in .json or .npz.

    Raises:
        InputError: names the file and the key: no such file, another format or schema, a missing or unknown key, a
            wrong type, length or value, or thresholds that do not ascend.
    """
    readers = {".json": _read_json, ".npz": _read_npz}
    ending = Path(path).suffix.lower()
    if ending not in readers:
        raise InputError(f"{path}: does not end in .json or .npz, {_EXPECTED}.")
    with reading(path, _EXPECTED):
        record = readers[ending](path)
    _check_keys(record, str(path))
    return _table_of(record, str(path))


def _read_json(path: str | Path) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise InputError(f"{path}: must hold finite numbers only, but has {constant}.")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"{path}: `{twice[0][:40]}` is there twice, expected once.")
        return dict(pairs)

    text = Path(path).read_text(encoding="utf-8")
    try:
        record = json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is not JSON (line {error.lineno}: {error.msg}), {_EXPECTED}.") from None
    except InputError:
        raise
    except (ValueError, RecursionError):  # an integer of thousands of digits, or brackets without end
        raise InputError(f"{path}: is not JSON that can be read, {_EXPECTED}.") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: is not a JSON object, {_EXPECTED}.")
    return record


def _read_npz(path: str | Path) -> dict[str, Any]:
    """The arrays as a JSON object would have them."""
    content = Path(path).read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: np.asarray(archive[key]) for key in archive.files}
    except Exception:  # zipfile, zlib and NumPy have a dozen errors between them for a damaged archive
        raise InputError(f"{path}: is not an archive of NumPy arrays, {_EXPECTED}.") from None
    record: dict[str, Any] = {"sample": None, "seed": None} | {key: value.tolist() for key, value in arrays.items()}
    for key, infinite in (("x_lo", -math.inf), ("x_hi", math.inf)):
        if record.get(key) == infinite:
            record[key] = None
    return record


def _check_keys(record: Mapping[str, Any], where: str) -> None:
    for key in record:
        if key not in KEYS:
            raise InputError(f"{where}: `{str(key)[:40]}` is not a key of a table.{nearest(str(key), KEYS)}")
    for key in KEYS:
        if key not in record:
            raise InputError(f"{where}: `{key}` is missing, {_EXPECTED}.")
    schema = record["schema_version"]
    if schema != SCHEMA_VERSION or isinstance(schema, bool):
        raise InputError(
            f"{where}: `schema_version` must be {SCHEMA_VERSION}, but is {_shown(schema)}: made by another version of "
            "rampjax."
        )


def _table_of(record: Mapping[str, Any], where: str) -> ConverterTable:
    """The table of a record, checked key by key and then as a whole."""

    def refuse(key: str, expected: str) -> NoReturn:
        raise InputError(f"{where}: `{key}` must be {expected}, but is {_shown(record[key])}.")

    def checked(keys: str, holds: Callable[[Any], bool], expected: str) -> dict[str, Any]:
        for key in keys.split():
            value = record[key]
            if not (value is None and key in _MAY_BE_NULL) and not holds(value):
                refuse(key, expected)
        return {key: record[key] for key in keys.split()}

    texts = checked("rampjax_version design function levels", lambda value: isinstance(value, str), "text")
    whole = checked("schema_version bits sample seed", _is_whole, "an integer")
    reals = checked("x_lo x_hi y_lo y_hi lsb scale_V", _is_number, "a finite number")
    lists = checked("thresholds sigma_x boundaries outputs", _are(_is_number), "a list of finite numbers")
    codes = checked("codes", _are(_is_whole), "a list of integers")["codes"]
    ends = {"x_lo": -math.inf, "x_hi": math.inf}
    numbers: dict[str, Any] = {key: ends[key] if value is None else float(value) for key, value in reals.items()}
    if not 2 <= whole["bits"] <= 16:
        refuse("bits", "between 2 and 16")
    arrays: dict[str, Any] = {key: np.array(value, np.float64) for key, value in lists.items()}
    _check_arrays(arrays, codes, 2 ** whole["bits"], where)
    for key in ("lsb", "scale_V"):
        if not numbers[key] > 0:
            refuse(key, "above 0")
    for low, high in (("x_lo", "x_hi"), ("y_lo", "y_hi")):
        if not numbers[low] < numbers[high]:
            raise InputError(
                f"{where}: `{low}` must be below `{high}`, but they are {numbers[low]:g} and {numbers[high]:g}."
            )
    _check_chip(whole["sample"], whole["seed"], where)
    return ConverterTable(**texts, **whole, **numbers, **arrays, codes=np.array(codes, np.int64))


def _check_arrays(arrays: Mapping[str, np.ndarray], codes: list[int], n_codes: int, where: str) -> None:
    thresholds = arrays["thresholds"]
    count = len(thresholds)
    if count == 0:
        raise InputError(f"{where}: `thresholds` must hold at least one number, but is empty.")
    for key, length, wanted in (
        ("sigma_x", len(arrays["sigma_x"]), count),
        ("boundaries", len(arrays["boundaries"]), count),
        ("codes", len(codes), count + 1),
        ("outputs", len(arrays["outputs"]), count + 1),
    ):
        if length != wanted:
            raise InputError(f"{where}: `{key}` must hold {wanted} numbers for {count} thresholds, but holds {length}.")
    fallen = np.flatnonzero(np.diff(thresholds) < 0)
    if fallen.size:
        before, after = thresholds[fallen[0]], thresholds[fallen[0] + 1]
        raise InputError(f"{where}: `thresholds` must be ascending, but {after:g} follows {before:g}.")
    if (arrays["sigma_x"] < 0).any():
        raise InputError(f"{where}: `sigma_x` must not be negative, but holds {arrays['sigma_x'].min():g}.")
    wrong = [code for code in codes if not 0 <= code < n_codes]
    if wrong:
        raise InputError(f"{where}: `codes` must be from 0 to {n_codes - 1}, but one is {_shown(wrong[0])}.")


def _check_chip(sample: int | None, seed: int | None, where: str) -> None:
    if (sample is None) != (seed is None):
        raise InputError(f"{where}: `sample` and `seed` must be given both or neither, but only one is.")
    for key, value in (("sample", sample), ("seed", seed)):
        if value is not None and not 0 <= value < 2**63:
            raise InputError(f"{where}: `{key}` must be from 0 to 2**63-1, but is {_shown(value)}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the floats
        return False


def _are(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(holds, value))


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):  # a complex number of NumPy's, or an integer of thousands of digits
        text = type(value).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."
