"""A study: one TOML file that says what is simulated and measured, checked whole before anything runs."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from rampjax.checks import InputError
from rampjax.circuit.blocks import BLOCKS, Circuit
from rampjax.circuit.curves import Points, PowerLaw, Table
from rampjax.circuit.quantiles import AgedQuantiles, QuantileTable
from rampjax.config.cases import CASE, check_cases, check_choice, without
from rampjax.config.circuit_sections import read_circuit, set_circuit
from rampjax.config.devices import (
    FIELDS,
    DeviceConfig,
    check_device_value,
    load_device,
)
from rampjax.config.points import (
    Label,
    Point,
    point_from_options,
    resolve_device,
    resolve_inputs,
    resolve_table,
)
from rampjax.config.records import flat_figure
from rampjax.config.sections import (
    FIGURES,
    MEASURES,
    DeviceChoice,
    MeasureConfig,
    ReportConfig,
    StudyHead,
    range_text,
)
from rampjax.config.settings import (
    DEVICE_KEYS,
    STUDY_KEYS,
    check_vary,
    full_key,
    parse_override,
    parse_overrides,
    settings_of,
    with_settings,
)
from rampjax.config.solve_section import METHODS, Method, SolveConfig, StudyDesign
from rampjax.config.spice_section import SpiceConfig
from rampjax.config.study_checks import check_points
from rampjax.config.toml_file import Text, read_toml, shown, unknown_key, validate

__all__ = [
    "FIGURES",
    "MEASURES",
    "METHODS",
    "MeasureConfig",
    "Point",
    "ReportConfig",
    "SolveConfig",
    "SpiceConfig",
    "StudyConfig",
    "StudyPoint",
    "load_study",
    "parse_override",
    "point_from_options",
]

FILE_KEYS: Final = (
    *("title", "samples", "seed", "design", "solve", "spice", "device", *BLOCKS),
    *("cases", "vary", "measure", "report"),
)


@dataclass(frozen=True)
class StudyPoint(Point):
    """A point of a study: how it is designed, and which of its settings its case decides."""

    method: Method = "closed_form"
    case_keys: frozenset[str] = frozenset()
    solve: SolveConfig | None = None  # what the solver is told; None where it has no part in the design


class StudyConfig(StudyHead):
    """A study that has been checked; `points()` are its combinations, `canonical()` what its hash stands on."""

    name: Text  # the file's, without its ending
    folder: Path  # paths of tables and device files are relative to it
    design: StudyDesign = StudyDesign()
    solve: SolveConfig | None = None  # absent where no point is solved
    spice: SpiceConfig | None = None  # present where chips are compared with ngspice, and nothing else is measured
    device: DeviceChoice = DeviceChoice()
    circuit: Circuit = Circuit()
    cases: dict[str, dict[str, Any]] = Field(default_factory=dict)  # settings by name, canonical
    vary: dict[str, list[Any]] = Field(default_factory=dict)  # canonical values, in the order of the file
    measure: MeasureConfig = MeasureConfig()
    report: ReportConfig = ReportConfig()

    def points(self) -> list[StudyPoint]:
        """Returns every combination of the lists of [vary], the last list varying fastest."""
        return list(self._points)

    @cached_property
    def _points(self) -> tuple[StudyPoint, ...]:
        devices: dict[tuple[str, tuple[tuple[str, float], ...]], DeviceConfig] = {}
        return tuple(
            self._point(dict(zip(self.vary, values, strict=True)), devices)
            for values in itertools.product(*self.vary.values())
        )

    def _point(self, varied: Mapping[str, Any], devices: dict[Any, DeviceConfig]) -> StudyPoint:
        case = self.cases[varied[CASE]] if CASE in varied else {}
        settings = {**case, **{full_key(key): value for key, value in varied.items() if key != CASE}}
        design = self.design.model_copy(update=settings_of("design", settings))
        device_settings = settings_of("device", settings)
        preset = device_settings.pop("preset", self.device.preset)
        overrides = {**self.device.overrides, **device_settings}
        key = (preset, tuple(overrides.items()))
        if key not in devices:
            devices[key] = load_device(resolve_device(preset, self.folder), overrides)
        circuit = set_circuit(self.circuit, settings)
        solve = (self.solve or SolveConfig()).model_copy(update=settings_of("solve", settings))
        return StudyPoint(
            function=design.function,
            bits=design.bits,
            levels=design.levels,
            x_range=design.x_range,
            calibration=design.calibration,
            circuit=replace(circuit, pulse_grid=1) if design.method == "published" else circuit,
            device=devices[key],
            labels={key: _label(value) for key, value in varied.items()},
            device_overrides=overrides,
            table_path=resolve_table(design.function, self.folder),
            column_bits=design.column_bits,
            inputs=design.inputs,
            inputs_path=resolve_inputs(design.inputs, self.folder),
            method=design.method,
            case_keys=frozenset(case),
            solve=solve if design.method == "solved" else None,
        )

    def solve_config(self) -> SolveConfig | None:
        """Returns what the solver is told where no case says otherwise; None where no point is solved."""
        solves = any(point.method == "solved" for point in self._points)
        return (self.solve or SolveConfig()) if solves else None

    def _not_used(self) -> tuple[str, ...]:
        return ("spice",) if self.spice is None else ("measure", "report")

    def canonical(self) -> dict[str, Any]:
        """Returns, as JSON has it, all that the results depend on, with the numbers of devices and hashes of tables."""
        points = self.points()
        devices = {point.device.model_dump_json(): point.device for point in points}
        tables = {point.function: point for point in points if point.table_path}
        samples = {point.inputs: point for point in points if point.inputs_path}
        solve = self.solve_config()
        return {
            **self.model_dump(mode="json", exclude={"folder", "vary", "solve", "cases", *self._not_used()}),
            "solve": None if solve is None else solve.model_dump(mode="json"),
            "cases": {name: {key: _bare(value) for key, value in case.items()} for name, case in self.cases.items()},
            "vary": {key: [_label(value) for value in values] for key, values in self.vary.items()},
            "devices": [_numbers(device) for device in devices.values()],
            "tables": {name: point.table_sha256() for name, point in tables.items()},
            "inputs": {name: point.inputs_sha256() for name, point in samples.items()},
        }


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> StudyConfig:
    """Loads a study file and checks it whole: every key, every value of every list, and every point.

    Args:
        path: the TOML file.
        overrides: `KEY=VALUE`, e.g. "device.sigma_prog_uS=4.0" or "samples=100"; what is set so is no longer varied.

    Raises:
        InputError: the first thing that is wrong, with file, key and what was expected.
    """
    where = str(path)
    data = read_toml(Path(path), "a study")
    for key in data:
        if key not in FILE_KEYS:
            raise InputError(f"{where}: {unknown_key(key, FILE_KEYS)}")
    settings = parse_overrides(overrides, STUDY_KEYS)
    if "spice" not in data and any(key.startswith("spice.") for key in settings):
        raise InputError(
            f"--set: `spice` has no effect, expected a study with a section [spice], but {where} has none."
        )
    if settings:
        _check_file(data, where, Path(path))  # an option must not hide what is wrong in the file
    cases = {"cases": without(data["cases"], settings)} if "cases" in data else {}
    study = _check_file({**with_settings(data, settings), **cases}, where, Path(path))
    check_points(study, where)
    return study


def _check_file(given: Mapping[str, Any], where: str, path: Path) -> StudyConfig:
    """Checks every key and value of a study, but not yet its points."""
    data = dict(given)
    if not isinstance(data.setdefault("vary", {}), dict):
        raise InputError(f"{where}: `vary` must be a table of lists, but is {shown(data['vary'])}.")
    _check_set_once(data, where)
    data["vary"] = check_vary(data["vary"], where)
    data["cases"] = check_cases(data.get("cases", {}), where)
    check_choice(data["cases"], data, data["vary"], where)
    if isinstance(data.get("device"), dict):
        data["device"] = _device_choice(data["device"], where)
    circuit = read_circuit({section: data.pop(section) for section in BLOCKS if section in data}, where)
    head = {"name": path.stem, "folder": path.parent, "circuit": circuit}
    return validate(StudyConfig, {"title": path.stem, **data, **head}, where)


def _check_set_once(data: Mapping[str, Any], where: str) -> None:
    """Raises InputError where a section sets what [vary] varies: the section's value would mean nothing."""
    for key in data["vary"]:
        section, _, field = full_key(key).partition(".")
        if isinstance(data.get(section), dict) and field in data[section]:
            raise InputError(f"{where}: `{section}.{field}` is also varied by `vary.{key}`, expected one of the two.")


def _device_choice(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns the [device] table as preset and overrides, each override checked."""
    fields = {field: value for field, value in table.items() if field != "preset"}
    for field, value in fields.items():
        if field not in FIELDS:
            known = ["device.preset", *DEVICE_KEYS]
            raise InputError(f"{where}: {unknown_key(f'device.{field}', known)}")
        fields[field] = check_device_value(field, value, where, f"device.{field}")
    return {**({"preset": table["preset"]} if "preset" in table else {}), "overrides": fields}


def _label(value: Any) -> Label:
    """Returns a varied value as tables and figures name it."""
    return range_text(value) if isinstance(value, tuple) else value


def _bare(value: Any) -> Any:
    """Returns a setting of a case as JSON has it: a range as text, names as a list."""
    names = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return list(value) if names else _label(value)


def _numbers(device: DeviceConfig) -> dict[str, Any]:
    """Returns what a device's results depend on: its numbers, not their sources."""
    figures = {key: device.figure(key) for key in FIELDS}
    held = {key: figure.numbers for key, figure in figures.items() if figure is not None}
    held |= {
        key: flat_figure(key, curve)[key]
        for key, curve in held.items()
        if isinstance(curve, PowerLaw | Table | Points | QuantileTable | AgedQuantiles)
    }
    cells = {} if device.cells is None else {"cells": device.cells.model_dump(mode="json")}
    numbers: dict[str, Any] = json.loads(json.dumps({"name": device.name, **held, **cells}))  # lists for tuples
    return numbers
