"""Checks of a design file before and after the design is rebuilt; each refusal is a sentence with file and key."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from rampjax.checks import InputError, nearest
from rampjax.config.reading import reading
from rampjax.config.toml_file import shown

SCHEMA_VERSION: Final = 5
DERIVED_CIRCUIT: Final = ("c_int_fF", "n_bias")  # of the circuit, where a design has its own
CLOSED_FORM: Final = "closed_form_"  # what the solver's keys of the closed form begin with
SCORES: Final = (
    *("objective_value", "expected_max_inl_lsb", "noise_rms_lsb", "expected_rmse_lsb", "expected_total_rmse_lsb"),
    *("yield_fraction", "total_yield_fraction"),
)  # each with `_ci` beside it
# What `rampjax solve` writes beside a design, and what is not needed to rebuild it.
SOLVER_KEYS: Final = frozenset(
    {
        *("converged", "iterations", "history", "start", "objective", "quantile_max_inl_lsb", "spec_lsb", "quantile"),
        *("noise_weight", "fresh_chips", "confidence", "seed", "free", "max_clocks", "max_devices", "max_time_ns"),
        *("starts", "max_iterations", "chips", "levels_compared", "levels_compared_rmse_lsb", "notes"),
        *SCORES,
        *(f"{score}_ci" for score in SCORES),
    }
)
_TEXT, _INTEGER, _NUMBER, _END = "text", "an integer", "a number", "a number or null"
_TEXTS, _INTEGERS, _NUMBERS = "a list of texts", "a list of integers", "a list of numbers"
# What each key of a design holds; those of circuit and device are checked against their models.
_KINDS: Final[dict[str, str]] = {
    "schema_version": _INTEGER,
    **dict.fromkeys(("function", "levels", "inputs", "device", "calibration"), _TEXT),
    **dict.fromkeys(("bits", "column_bits", "devices_total", "n_bias"), _INTEGER),
    "overrides": _TEXTS,
    **dict.fromkeys(("x_lo", "x_hi"), _END),
    **dict.fromkeys(("lsb", "scale_V", "ramp_time_ns", "start_V", "g_bias_uS", "t_bias_ns", "c_int_fF"), _NUMBER),
    **dict.fromkeys(("rmse_lsb", "y_lo", "y_hi", "sigma_offset_V"), _NUMBER),
    **dict.fromkeys(("table_x", "table_y", "input_samples"), _NUMBERS),
    **dict.fromkeys(("thresholds", "outputs", "v_ramp_V", "g_target_uS", "t_pulse_ns"), _NUMBERS),
    **dict.fromkeys(("codes", "level_of", "n_devices"), _INTEGERS),
}
_TOLERANCE = 1e-9  # of a number that follows from others, relative to the largest of its list
_LARGEST = 1e30
# What each number that follows from others follows from.
_FOLLOWS: Final[dict[str, str]] = {
    **dict.fromkeys(("lsb", "y_lo", "y_hi", "thresholds", "codes", "outputs", "rmse_lsb"), "the function"),
    "level_of": "the thresholds of `bits` and `column_bits`",
    "g_target_uS": "`v_ramp_V`, `t_pulse_ns` and `n_devices`",
    "g_bias_uS": "`v_ramp_V`, `n_bias` and `t_bias_ns`",
    "start_V": "`v_ramp_V`",
    "ramp_time_ns": "`t_pulse_ns`, `n_bias` and `t_clk_ns`",
    "devices_total": "`n_devices`, `n_bias` and `calibration`",
    "sigma_offset_V": "`comparator_sigma_offset_V`",
}


def read_json(path: Path) -> dict[str, Any]:
    """Reads a strict JSON object.

    Raises:
        InputError: no such file, not readable, not UTF-8, not JSON (with the line), a number that is not finite, a key
            twice, or no object.
    """

    def refuse(constant: str) -> NoReturn:
        raise InputError(f"{path}: must hold finite numbers only, but has {constant}.")

    def number(text: str) -> float:
        return float(text) if math.isfinite(float(text)) else refuse(text)

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{path}: `{twice}` is there twice, expected once.")
        return record

    expected = "expected the JSON of a design"
    with reading(path, expected):
        text = path.read_text(encoding="utf-8")
    try:
        record = json.loads(text, parse_constant=refuse, parse_float=number, object_pairs_hook=once)
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is not JSON (line {error.lineno}: {error.msg}), {expected}.") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply, {expected}.") from None
    except ValueError:  # Python refuses to read an integer of more than 4300 digits
        raise InputError(f"{path}: has an integer of thousands of digits, {expected}.") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: must be a JSON object, but is {shown(record)}.")
    return record


def check_known(record: Mapping[str, Any], more: Collection[str], where: str) -> None:
    """Raises InputError unless a record has this schema and its keys, and none that nobody knows.

    Args:
        record: as read.
        more: keys of circuit and device.
        where: the file.
    """
    version = record.get("schema_version")
    again = "write the design anew with `rampjax design` or `rampjax solve`"
    if version is None:
        raise InputError(f"{where}: `schema_version` is missing, expected {SCHEMA_VERSION} in a design file.")
    if version in (1, 2) and version is not True:
        raise InputError(
            f"{where}: `schema_version` is {version}, of an older rampjax, expected {SCHEMA_VERSION}; {again}."
        )
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise InputError(f"{where}: `schema_version` must be {SCHEMA_VERSION}, but is {shown(version)}; {again}.")
    needed = (*_KINDS, *more)
    known = {*needed, *SOLVER_KEYS}
    for key in record:
        if key not in known and not key.startswith(CLOSED_FORM):
            raise InputError(f"{where}: `{shown(key)[1:-1]}` is not a known key.{nearest(key, known)}")
    for key in needed:
        if key not in record:
            raise InputError(f"{where}: `{key}` is missing, expected {_KINDS.get(key, 'a figure')}.")


def check_kinds(record: Mapping[str, Any], where: str) -> None:
    """Raises InputError where the value of a key is of another kind than it should be."""
    for key, kind in _KINDS.items():
        value = record[key]
        if kind not in _ITEMS or not isinstance(value, list):
            if not _is(kind, value):
                raise InputError(f"{where}: `{key}` must be {kind}, but is {shown(value)}.")
            continue
        for item in value:
            if not _is(_ITEMS[kind], item):
                raise InputError(f"{where}: `{key}` must be {kind}, but has {shown(item)}.")
    if record["column_bits"] < record["bits"]:
        raise InputError(
            f"{where}: `column_bits` must be at least `bits` ({record['bits']}), but is {record['column_bits']}."
        )
    _check_conductances(record, where)


def _check_conductances(record: Mapping[str, Any], where: str) -> None:
    low_uS, high_uS = record["g_min_uS"], record["g_max_uS"]
    if not (_is(_NUMBER, low_uS) and _is(_NUMBER, high_uS)):
        return  # the device's model says so
    for k, g_uS in enumerate(record["g_target_uS"]):
        if not low_uS - _TOLERANCE * high_uS <= g_uS <= high_uS * (1 + _TOLERANCE):
            raise InputError(
                f"{where}: `g_target_uS` must lie between `g_min_uS` ({low_uS:g}) and `g_max_uS` ({high_uS:g}), but is "
                f"{g_uS:g} at step {k + 1}."
            )


_ITEMS = {_TEXTS: _TEXT, _INTEGERS: _INTEGER, _NUMBERS: _NUMBER}


def _is(kind: str, value: object) -> bool:
    if kind == _TEXT:
        return isinstance(value, str)
    if kind in _ITEMS:
        return isinstance(value, list)
    if kind == _END and value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_LARGEST < value < _LARGEST and (kind != _INTEGER or isinstance(value, int))


def check_derived(record: Mapping[str, Any], rebuilt: Mapping[str, Any], where: str) -> None:
    """Raises InputError where a number differs from what the rest of the file makes it.

    Args:
        record: the file's.
        rebuilt: that of the design which was rebuilt from it.
        where: the file.
    """
    for key, source in _FOLLOWS.items():
        given, wanted = np.atleast_1d(np.array(record[key], float)), np.atleast_1d(np.array(rebuilt[key], float))
        if given.shape != wanted.shape:
            raise InputError(
                f"{where}: `{key}` must have {len(wanted)} entries, as {source} has, but has {len(given)}."
            )
        off = np.abs(given - wanted)
        k = int(np.argmax(off))
        if off[k] > _TOLERANCE * np.abs(wanted).max():
            place = f" at entry {k + 1}" if isinstance(record[key], list) else ""
            raise InputError(
                f"{where}: `{key}` must follow from {source}: {wanted[k]:.9g}, but is {given[k]:.9g}{place}."
            )
