"""The device of a design file: from flat figures back to a checked device."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from rampjax.checks import InputError
from rampjax.circuit.device import Device
from rampjax.config.device_ageing import (
    DRIFT_PARTS,
    LOG_TIME_PARTS,
    AgedCurves,
    DriftExponent,
    DriftSpread,
    LogTime,
)
from rampjax.config.device_config import DeviceConfig, WriteConfig
from rampjax.config.device_error import ErrorCurve, Quantiles, ShareCurve, Shift
from rampjax.config.device_fields import FIELDS, WRITE
from rampjax.config.device_values import N_COEFFICIENTS, Curve
from rampjax.config.devices import model_of, with_overrides
from rampjax.config.records import AGED, AGES, OF_AGES, POLYNOMIAL, POWER_LAW, TABLE
from rampjax.config.toml_file import LARGEST, shown, validate

_PARTS: Final[dict[type[BaseModel], tuple[str, ...]]] = {
    LogTime: LOG_TIME_PARTS,
    DriftExponent: DRIFT_PARTS,
    DriftSpread: DRIFT_PARTS,
}
_VALUES: Final[dict[type[BaseModel], str]] = {Curve: "sigma_uS", Shift: "value_uS", ShareCurve: "value"}  # in tables
_LAW: Final = ("coefficient_uS", "exponent", "g_unit_uS")
# Powers of two: a polynomial told in another unit of conductance keeps every bit of its coefficients.
_UNITS_uS: Final = tuple(2.0**power for power in (0, *range(1, 31), *range(-1, -31, -1)))


def device_of(record: Mapping[str, Any], where: str, overrides: Mapping[str, float] | None = None) -> DeviceConfig:
    """Returns the device of a record, checked as a device file is.

    Args:
        record: every figure of a device under its flat key, None for what is absent.
        where: the file, for the message.
        overrides: checked fields to replace, see `devices.load_device`.

    Raises:
        InputError: a figure that is wrong, or two that contradict each other.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(Device)}
    device: dict[str, Any] = {"name": record["device"], "title": record["device"]}
    write: dict[str, Any] = {}
    for key in FIELDS:
        name = key.removeprefix(WRITE)
        owner = WriteConfig if key.startswith(WRITE) else DeviceConfig
        needed = owner.model_fields[name].is_required()
        flat = record[key]
        value = tuple(flat) if isinstance(flat, list) else flat
        if flat is None or (owner is DeviceConfig and not needed and value == defaults[key]):
            continue
        figure = {**_figure(key, flat, record, where), "certainty": "user", "source": where}
        (write if owner is WriteConfig else device)[name] = figure
    if write:
        device["write"] = write
    renamed = {"write": WRITE.rstrip("_")}
    try:
        return validate(DeviceConfig, with_overrides(device, overrides or {}, where), where, renamed=renamed)
    except InputError as error:
        # The record's keys are flat: `g_max_uS`, not the table's `g_max_uS.value`; `write_scheme`, not `write.scheme`.
        raise InputError(str(error).replace(".value`", "`").replace("`write.", f"`{WRITE}")) from None


def _figure(key: str, flat: Any, record: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A figure as a device file has it."""
    model = model_of(key)
    if issubclass(model, AgedCurves):
        return _aged(_numbers(key, flat, where), _numbers(AGES, record[AGES], where), where)
    if issubclass(model, Quantiles) and isinstance(flat, list) and flat[:1] == [TABLE]:
        return _rows(_numbers(key, flat[1:], where), key, where)
    if issubclass(model, Quantiles) and isinstance(flat, list) and flat[:1] == [OF_AGES]:
        return _aged_rows(_numbers(key, flat[1:], where), key, where)
    if issubclass(model, Quantiles):
        return {"quantiles": _numbers(key, flat, where)}
    if issubclass(model, Curve | ErrorCurve) and isinstance(flat, list) and flat[:1] in ([POWER_LAW], [TABLE]):
        return _form(key, flat, _VALUES[model], where)
    if issubclass(model, Curve) or (issubclass(model, ErrorCurve) and isinstance(flat, list)):
        terms = _numbers(key, flat, where)
        unit_uS = _unit_uS([terms])
        return {"polynomial": _in_unit(terms, unit_uS), "g_unit_uS": unit_uS}
    if issubclass(model, LogTime) and isinstance(flat, list) and flat[:1] == [POLYNOMIAL]:
        return _law(_numbers(key, flat[1:], where), key, where)
    for kind, parts in _PARTS.items():
        if issubclass(model, kind) and not (kind is DriftSpread and not isinstance(flat, list)):
            values = _numbers(key, flat, where)
            if len(values) != len(parts):
                raise InputError(f"{where}: `{key}` must be a list of {len(parts)} numbers, but has {len(values)}.")
            return dict(zip(parts, values, strict=True))
    return {"value": flat}


def _form(key: str, flat: Sequence[Any], values: str, where: str) -> dict[str, Any]:
    """A curve that is no polynomial, as a device file has it."""
    form, numbers = flat[0], _numbers(key, flat[1:], where)
    if form == POWER_LAW:
        if len(numbers) != len(_LAW):
            raise InputError(
                f"{where}: `{key}` must have {len(_LAW)} numbers after {POWER_LAW}, but has {len(numbers)}."
            )
        return {form: dict(zip(_LAW, numbers, strict=True))}
    return {form: {"g_uS": numbers[::2], values: numbers[1::2]}}


def _rows(numbers: Sequence[float], key: str, where: str) -> dict[str, Any]:
    """Quantiles at several conductances, as a device file has them."""
    n = int(numbers[0]) if numbers else 0
    if n < 1 or n != numbers[0] or len(numbers) <= 1 + n or (len(numbers) - 1) % n:
        raise InputError(
            f"{where}: `{key}` must have, after {TABLE}, a number of conductances, these, and as many quantiles for "
            f"each, but has {len(numbers)} numbers."
        )
    size = (len(numbers) - 1) // n - 1
    return {
        "g_uS": numbers[1 : 1 + n],
        "quantiles": [numbers[start : start + size] for start in range(1 + n, len(numbers), size)],
    }


def _aged_rows(numbers: Sequence[float], key: str, where: str) -> dict[str, Any]:
    """Quantiles at several ages, as a device file has them."""
    n_ages = _count(numbers[:1])
    n_g = _count(numbers[1 + n_ages : 2 + n_ages])
    quantiles = numbers[2 + n_ages + n_g :]
    n_rows = n_ages * max(n_g, 1)
    if n_ages < 1 or n_g < 0 or not quantiles or len(quantiles) % n_rows:
        raise InputError(
            f"{where}: `{key}` must have, after {OF_AGES}, a number of ages, these, a number of conductances (0: for "
            f"all), these, and as many quantiles for each of both, but has {len(numbers)} numbers."
        )
    size = len(quantiles) // n_rows
    rows = [quantiles[start : start + size] for start in range(0, len(quantiles), size)]
    shapes = [rows[start : start + n_g] for start in range(0, n_rows, n_g)] if n_g else rows
    return {
        "ages_s": numbers[1 : 1 + n_ages],
        **({"g_uS": numbers[2 + n_ages : 2 + n_ages + n_g]} if n_g else {}),
        "quantiles": shapes,
    }


def _count(number: Sequence[float]) -> int:
    """A whole number of at least 0 that stands alone in a list, -1 where there is none."""
    return int(number[0]) if number and number[0] >= 0 and float(number[0]).is_integer() else -1


def _law(terms: Sequence[float], key: str, where: str) -> dict[str, Any]:
    """A law of the age whose parts depend on the conductance, as a device file has it."""
    if len(terms) != N_COEFFICIENTS * len(LOG_TIME_PARTS):
        raise InputError(
            f"{where}: `{key}` must have {N_COEFFICIENTS} numbers for each of {len(LOG_TIME_PARTS)} parts after "
            f"{POLYNOMIAL}, but has {len(terms)}."
        )
    halves = (terms[:N_COEFFICIENTS], terms[N_COEFFICIENTS:])
    unit_uS = _unit_uS(halves)
    parts = {f"{part}_polynomial": _in_unit(half, unit_uS) for part, half in zip(LOG_TIME_PARTS, halves, strict=True)}
    return {**parts, "g_unit_uS": unit_uS}


def _aged(terms: Sequence[float], ages_s: Sequence[float], where: str) -> dict[str, Any]:
    if len(terms) != N_COEFFICIENTS * len(ages_s):
        raise InputError(
            f"{where}: `{AGED}` must be a list of {N_COEFFICIENTS} numbers for each of the {len(ages_s)} `{AGES}`, but "
            f"has {len(terms)}."
        )
    curves = [terms[i : i + N_COEFFICIENTS] for i in range(0, len(terms), N_COEFFICIENTS)]
    unit_uS = _unit_uS(curves)
    return {"ages_s": ages_s, "polynomials": [_in_unit(curve, unit_uS) for curve in curves], "g_unit_uS": unit_uS}


def _numbers(key: str, value: object, where: str) -> Sequence[float]:
    if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, int | float) for v in value):
        raise InputError(f"{where}: `{key}` must be a list of numbers, but is {shown(value)}.")
    return value


def _in_unit(terms: Sequence[float], unit_uS: float) -> list[float]:
    return [term * unit_uS**power for power, term in enumerate(terms)]


def _unit_uS(curves: Sequence[Sequence[float]]) -> float:
    """The unit of conductance in which all coefficients have the size that a file's figures may have."""

    def fits(unit_uS: float) -> bool:
        sizes = [abs(term) for curve in curves for term in _in_unit(curve, unit_uS) if term]
        return all(1 / LARGEST <= size <= LARGEST for size in sizes)

    return next((unit_uS for unit_uS in _UNITS_uS if fits(unit_uS)), 1.0)
