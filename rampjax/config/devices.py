"""Memristor devices as data: presets with a source on every figure, a user's own device files, and overrides.

Which physics: where targets may lie, how far a programmed conductance falls from its target, how much each read
differs, which cells are stuck, how a device ages, how it follows temperature and voltage, how it is written.
"""

import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from rampjax.checks import InputError, nearest
from rampjax.config.device_ageing import DriftSpread, LogTime
from rampjax.config.device_config import DeviceConfig, WriteConfig, check_loop
from rampjax.config.device_error import ErrorCurve
from rampjax.config.device_fields import FIELDS, WRITE, FieldInfo
from rampjax.config.device_values import Curve, Value
from rampjax.config.toml_file import place, quoted, read_toml, unknown_key, validate

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
CURVES: Final = ("sigma_prog_uS", "sigma_read_uS")  # that every device has


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
    """Checks one override on its own and returns it as a number; `label` is how the message names it.

    Raises:
        InputError: an unknown field, one that only a device file can give, not a finite number, or outside what the
            field allows by itself.
    """
    if field not in FIELDS:
        raise InputError(place(where) + unknown_key(field, FIELDS))
    label = label or field
    if not FIELDS[field].settable:
        table = field.replace(WRITE, "write.", 1) if field.startswith(WRITE) else field
        raise InputError(
            f"{place(where)}`{label}` cannot be set by a number, expected in a device file, in the table [{table}]."
        )
    key = _number_key(field)
    checked = validate(model_of(field), _overridden(field, value), where, renamed={key: label})
    number: float = getattr(checked, key)
    return number


def load_device(name_or_toml_path: str | Path, overrides: Mapping[str, object] | None = None) -> DeviceConfig:
    """Loads a preset by name, or a user's own device file by a path that ends in `.toml`.

    Args:
        name_or_toml_path: the name of a preset, or a path.
        overrides: fields to replace, e.g. {"sigma_prog_uS": 4.0}; a curve, whatever its form, by a constant. One of
            `sigma_prog_uS` or `relax_sigma_uS` drops the preset's `aged_sigma_uS`, which would contradict it.

    Raises:
        InputError: an unknown device or field (with the nearest name), or a file or value that is wrong.
    """
    text = str(name_or_toml_path)
    if is_device_file(text):
        data, where = read_toml(Path(text), "a device"), text
        for key in ("name", "folder"):
            if key in data:
                raise InputError(f"{text}: `{key}` is not a known key, a device file is known by its file name.")
        name = Path(text).stem
        data = {**data, "folder": Path(text).parent}
    else:
        data, where, name = dict(_read_preset(text)), f"device {text}", text
    values = {field: check_device_value(field, value) for field, value in (overrides or {}).items()}
    device = validate(DeviceConfig, {**with_overrides(data, values, where), "name": name}, where)
    if "g_max_uS" not in values:  # plain programming may go beyond what a loop reaches
        check_loop(device, where)
    return device


def with_overrides(data: Mapping[str, Any], values: Mapping[str, float], where: str) -> dict[str, Any]:
    """Returns the tables of a device with checked figures put in; see `load_device`."""
    merged = dict(data)
    for field, value in values.items():
        if not field.startswith(WRITE):
            merged[field] = _overridden(field, value)
        elif isinstance(table := merged.get("write"), Mapping):
            merged["write"] = {**table, field.removeprefix(WRITE): _overridden(field, value)}
        else:
            raise InputError(f"{place(where)}`{field}` cannot be set on a device without the table [write].")
    if "sigma_prog_uS" in values or "relax_sigma_uS" in values:
        merged.pop("aged_sigma_uS", None)
    return merged


def device_text(name_or_toml_path: str) -> str:
    """Returns the file of a preset, or of a user's own device, as text.

    Raises:
        InputError: see `load_device`.
    """
    load_device(name_or_toml_path)
    if is_device_file(name_or_toml_path):
        return Path(name_or_toml_path).read_text(encoding="utf-8")
    return (resources.files("rampjax.config") / "presets" / f"{name_or_toml_path}.toml").read_text(encoding="utf-8")


@functools.cache
def _read_preset(name: str) -> Mapping[str, Any]:
    check_device_name(name)
    with resources.as_file(resources.files("rampjax.config") / "presets" / f"{name}.toml") as path:
        return read_toml(path, "a device")


def model_of(field: str) -> type[BaseModel]:
    """Returns the model of the figure of a device under a key of `FIELDS`."""
    owner: type[BaseModel] = WriteConfig if field.startswith(WRITE) else DeviceConfig
    annotation = owner.model_fields[field.removeprefix(WRITE)].annotation
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))


def _number_key(field: str) -> str:
    """Returns where a single number stands in the table of a figure."""
    return "value" if issubclass(model_of(field), Value | ErrorCurve | DriftSpread) else "constant"


def _overridden(field: str, value: object) -> dict[str, object]:
    rest = {"per_ln": 0.0} if issubclass(model_of(field), LogTime) else {}
    return {_number_key(field): value, **rest, "certainty": "user", "source": "set by the user"}
