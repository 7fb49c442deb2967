"""The keys of settings: what `--set KEY=VALUE` and the lists of [vary] may name, and the check of each value alone."""

import re
import tomllib
from collections.abc import Collection, Mapping
from typing import Any, Final

from pydantic import BaseModel

from rampjax.checks import InputError
from rampjax.config.circuit_sections import MODELS
from rampjax.config.devices import FIELDS, check_device_value
from rampjax.config.sections import DesignConfig, DeviceChoice, MeasureConfig, StudyHead
from rampjax.config.solve_section import SolveConfig, StudyDesign
from rampjax.config.spice_section import SpiceConfig
from rampjax.config.toml_file import Text, place, shown, unknown_key, validate

# Short keys of [vary] and where they stand in the sections; all others are written in full.
SHORT_KEYS: Final[dict[str, str]] = {
    "function": "design.function",
    "bits": "design.bits",
    "column_bits": "design.column_bits",
    "levels": "design.levels",
    "range": "design.range",
    "inputs": "design.inputs",
    "calibration": "design.calibration",
    "method": "design.method",
    "device": "device.preset",
    "n_reads": "circuit.n_reads",
}
SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "design": StudyDesign,
    **MODELS,
    "solve": SolveConfig,
    "spice": SpiceConfig,
    "measure": MeasureConfig,
    "device": DeviceChoice,  # `preset` alone; every other key of [device] is a field of the device
}

DESIGN_KEYS: Final = tuple(f"design.{field}" for field in DesignConfig.model_fields)
CIRCUIT_KEYS: Final = tuple(f"{section}.{key}" for section, model in MODELS.items() for key in model.model_fields)
MEASURE_KEYS: Final = tuple(f"measure.{field}" for field in MeasureConfig.model_fields)
DEVICE_KEYS: Final = tuple(f"device.{field}" for field in FIELDS)
SOLVE_KEYS: Final = tuple(f"solve.{field}" for field in SolveConfig.model_fields)
SPICE_KEYS: Final = tuple(f"spice.{field}" for field in SpiceConfig.model_fields)
VARY_KEYS: Final = (*SHORT_KEYS, *DEVICE_KEYS, *CIRCUIT_KEYS, "case")
POINT_KEYS: Final = (*DEVICE_KEYS, *CIRCUIT_KEYS, *DESIGN_KEYS)
CASE_KEYS: Final = (*POINT_KEYS, "design.method", "device.preset", *SOLVE_KEYS)
STUDY_KEYS: Final = (*CASE_KEYS, *SPICE_KEYS, *MEASURE_KEYS, "title", "samples", "seed")


class _Top(StudyHead):
    """What has no section, for a check of each value alone."""

    title: Text = "-"
    case: Text = "-"


_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_THOUSANDS = re.compile(r"(?<![\w.])\d[\d.]*_\d")


def parse_override(text: str) -> tuple[str, object]:
    """Splits `KEY=VALUE`; VALUE is read as TOML, and taken as bare text where it is not TOML.

    Raises:
        InputError: no `=`, no key, or no value.
    """
    key, equals, given = (part.strip() for part in text.partition("="))
    if not (equals and key and given):
        raise InputError(f"--set wants KEY=VALUE, for example device.sigma_prog_uS=4.0, but is `{text}`.")
    return key, _toml_value(given)


def _toml_value(text: str) -> object:
    if _THOUSANDS.search(_QUOTED.sub("", text)):
        return text  # TOML reads 1_0 as 10: in a file it is meant, on the command line a slip
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return text
    # A line break could smuggle in a second key: then the text is not one TOML value.
    return parsed["value"] if parsed.keys() == {"value"} else text


def parse_overrides(texts: Collection[str], known: Collection[str]) -> dict[str, object]:
    """Parses several `KEY=VALUE`, checks each key and each value alone; values are returned in canonical form.

    Raises:
        InputError: an unknown key (with the nearest), a key set twice, or a wrong value.
    """
    settings: dict[str, object] = {}
    for text in texts:
        key, value = parse_override(text)
        if key not in known:
            raise InputError("--set: " + unknown_key(key, known))
        if key in settings:
            raise InputError(f"--set: `{key}` is set twice, expected once.")
        settings[key] = check_setting(key, value, "--set", key)
    return settings


def full_key(vary_key: str) -> str:
    """Returns where a key of [vary] stands in the sections: `bits` -> `design.bits`, `device` -> `device.preset`."""
    return SHORT_KEYS.get(vary_key, vary_key)


def check_setting(key: str, value: object, where: str, label: str) -> Any:
    """Checks one value alone and returns it in its canonical form (a calibration's spelling, a range as two numbers).

    Args:
        key: the full key, e.g. "design.bits", or "samples".
        value: as parsed from TOML.
        where: the file, or "--set", for the message.
        label: how the message names the key.
    """
    section, _, field = key.partition(".")
    if section == "device" and field != "preset":
        return check_device_value(field, value, where, label)
    if not field:
        return getattr(validate(_Top, {key: value}, where, renamed={key: label}), key)
    return getattr(validate(SECTIONS[section], {field: value}, where, renamed={field: label}), field)


def settings_of(section: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of one section, by field."""
    return {key.partition(".")[2]: value for key, value in settings.items() if key.partition(".")[0] == section}


def with_settings(data: Mapping[str, Any], settings: Mapping[str, object]) -> dict[str, Any]:
    """Returns the tables of a study file with the settings put in: what is set is no longer varied.

    A section that is not a table is left as it is, for its own message.
    """
    merged = dict(data)
    for key, value in settings.items():
        section, dot, field = key.partition(".")
        vary: Mapping[str, Any] = merged["vary"] if isinstance(merged.get("vary"), Mapping) else {}
        if key in map(full_key, vary):
            merged["vary"] = {name: [value] if full_key(name) == key else values for name, values in vary.items()}
        elif not dot:
            merged[key] = value
        elif isinstance(table := merged.get(section, {}), Mapping):
            merged[section] = {**table, field: value}
    return merged


def check_vary(vary: Mapping[str, Any], where: str) -> dict[str, list[Any]]:
    """Checks the lists of [vary] and returns them in canonical form, in their order.

    Raises:
        InputError: an unknown key, not a list, an empty list, a wrong value, or a value or key given twice.
    """
    checked: dict[str, list[Any]] = {}
    places: dict[str, str] = {}
    for key, values in vary.items():
        label = f'vary."{key}"' if "." in key else f"vary.{key}"
        if key not in VARY_KEYS:
            raise InputError(place(where) + unknown_key(f"vary.{key}", [f"vary.{known}" for known in VARY_KEYS]))
        if full_key(key) in places:
            raise InputError(
                f"{place(where)}`{label}` and `{places[full_key(key)]}` are the same, expected one of them."
            )
        places[full_key(key)] = label
        if not isinstance(values, list) or not values:
            raise InputError(f"{place(where)}`{label}` must be a list of at least one value, but is {shown(values)}.")
        checked[key] = [check_setting(full_key(key), value, where, label) for value in values]
        repeated = [value for i, value in enumerate(checked[key]) if value in checked[key][:i]]
        if repeated:
            raise InputError(
                f"{place(where)}`{label}` must not have a value twice, but {shown(repeated[0])} is there again."
            )
    return checked
