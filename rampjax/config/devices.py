"""Memristor devices as data: presets with a source on every figure, a user's own device files, and overrides.

Which physics: where targets may lie, how far a programmed conductance falls from its target, how much each read
differs, which cells are stuck. Left out: drift, relaxation and telegraph noise.
"""

import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final, Self

from pydantic import Field, model_validator

from rampjax.checks import InputError, nearest
from rampjax.config.device_fields import FIELDS, FieldInfo
from rampjax.config.device_values import Curve, NonNegativeValue, PositiveValue, ShareValue, Value
from rampjax.config.toml_file import Frozen, Text, place, quoted, read_toml, unknown_key, validate

__all__ = [
    "CURVES",
    "DEFAULT_DEVICE",
    "FIELDS",
    "Curve",
    "DeviceConfig",
    "FieldInfo",
    "Value",
    "device_names",
    "load_device",
]

DEFAULT_DEVICE: Final = "taox_paper"
CURVES: Final = ("sigma_prog_uS", "sigma_read_uS")


class DeviceConfig(Frozen):
    """A device, every field with its value, how sure it is, and its source; `FIELDS` says what each means."""

    name: Text
    title: Text = Field(description="text that names the device")
    g_min_uS: NonNegativeValue
    g_max_uS: PositiveValue
    g_ceiling_uS: PositiveValue | None = None
    bias_prog_uS: Value
    sigma_prog_uS: Curve
    sigma_read_uS: Curve
    stuck_off_prob: ShareValue
    stuck_on_prob: ShareValue
    g_stuck_off_uS: NonNegativeValue
    g_stuck_on_uS: NonNegativeValue
    v_read_V: PositiveValue

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.g_min_uS.value, self.g_max_uS.value
        if not low < high:
            raise InputError(f"`g_min_uS` must be below `g_max_uS`, but they are {low:g} and {high:g}.")
        if self.g_ceiling_uS is not None and self.g_ceiling_uS.value < high:
            raise InputError(
                f"`g_ceiling_uS` must be at least `g_max_uS` ({high:g} µS), but is {self.g_ceiling_uS.value:g}."
            )
        if self.stuck_off_prob.value + self.stuck_on_prob.value > 1.0:
            raise InputError("`stuck_off_prob` and `stuck_on_prob` must add up to at most 1.")
        off, on = self.g_stuck_off_uS.value, self.g_stuck_on_uS.value
        if off > on:
            raise InputError(f"`g_stuck_off_uS` must not be above `g_stuck_on_uS`, but they are {off:g} and {on:g}.")
        _check_curve("sigma_prog_uS", self.sigma_prog_uS, low, high)
        _check_curve("sigma_read_uS", self.sigma_read_uS, low, high)
        return self


def _check_curve(key: str, curve: Curve, low_uS: float, high_uS: float) -> None:
    """Raises InputError unless the curve is valid and not negative over the range of targets."""
    if curve.valid_uS is not None:
        valid_low, valid_high = curve.valid_uS
        if not valid_low <= low_uS < high_uS <= valid_high:
            raise InputError(
                f"`{key}` is valid from {valid_low:g} to {valid_high:g} µS, but the targets"
                f" (`g_min_uS` to `g_max_uS`) go from {low_uS:g} to {high_uS:g} µS."
            )
    g_uS, sigma_uS = curve.minimum_uS(low_uS, high_uS)
    if sigma_uS < 0.0:
        raise InputError(
            f"`{key}` must be at least 0 for every target from {low_uS:g} to {high_uS:g} µS,"
            f" but is {sigma_uS:.3g} µS at {g_uS:.4g} µS."
        )


def device_names() -> list[str]:
    """Returns the names of the presets, sorted."""
    folder = resources.files("rampjax.config") / "presets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def is_device_file(text: str) -> bool:
    """Says whether `text` is the path of a user's own device file, not the name of a preset."""
    return text.lower().endswith(".toml")


def check_device_name(name: str, where: str = "") -> None:
    """Raises InputError, with the nearest name, unless `name` is that of a preset."""
    names = device_names()
    if name not in names:
        expected = f"expected {quoted(names)} or a path that ends in `.toml`; see `rampjax devices`."
        raise InputError(f"{place(where)}`{name}` is not a known device, {expected}{nearest(name, names)}")


def check_device_value(field: str, value: object, where: str = "", label: str = "") -> float:
    """Checks one override on its own and returns it as a float; `label` is how the message names it.

    Raises:
        InputError: an unknown field, not a finite number, or outside what the field allows by itself.
    """
    if field not in FIELDS:
        raise InputError(place(where) + unknown_key(field, FIELDS))
    model = Curve if field in CURVES else _value_model(field)
    key = "constant" if model is Curve else "value"
    label = label or field
    checked = validate(model, _overridden(field, value), where, renamed={key: label})
    return float(getattr(checked, key))


def load_device(name_or_toml_path: str | Path, overrides: Mapping[str, object] | None = None) -> DeviceConfig:
    """Loads a preset by name, or a user's own device file by a path that ends in `.toml`.

    Args:
        name_or_toml_path: the name of a preset, or a path.
        overrides: fields to replace, e.g. {"sigma_prog_uS": 4.0}; a curve, whatever its form, by a constant.

    Raises:
        InputError: an unknown device or field (with the nearest name), or a file or value that is wrong.
    """
    text = str(name_or_toml_path)
    if is_device_file(text):
        data, where = read_toml(Path(text), "a device"), text
        if "name" in data:
            raise InputError(f"{text}: `name` is not a known key, a device file is known by its file name.")
        name = Path(text).stem
    else:
        data, where, name = dict(_read_preset(text)), f"device {text}", text
    values = {field: check_device_value(field, value) for field, value in (overrides or {}).items()}
    tables = {field: _overridden(field, value) for field, value in values.items()}
    return validate(DeviceConfig, {**data, **tables, "name": name}, where)


@functools.cache
def _read_preset(name: str) -> Mapping[str, Any]:
    check_device_name(name)
    with resources.as_file(resources.files("rampjax.config") / "presets" / f"{name}.toml") as path:
        return read_toml(path, "a device")


def _value_model(field: str) -> type[Value]:
    annotation = DeviceConfig.model_fields[field].annotation
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next(c for c in candidates if isinstance(c, type) and issubclass(c, Value))


def _overridden(field: str, value: object) -> dict[str, object]:
    key = "constant" if field in CURVES else "value"
    return {key: value, "certainty": "user", "source": "set by the user"}
