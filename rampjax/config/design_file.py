"""The design file: one flat, strict JSON object that is enough to rebuild any chip of a design, written and read back.

A number with many digits is the float64 itself, so that a design read back has the same parameters to the last bit.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rampjax.checks import InputError
from rampjax.circuit.blocks import BLOCKS, Circuit, knobs
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.design import Design, Layout, column_of, lay_out
from rampjax.circuit.device import Device
from rampjax.config.build import build_device
from rampjax.config.circuit_sections import MODELS, set_circuit
from rampjax.config.design_checks import (
    DERIVED_CIRCUIT,
    SCHEMA_VERSION,
    check_derived,
    check_kinds,
    check_known,
    read_json,
)
from rampjax.config.design_device import device_of
from rampjax.config.device_config import DeviceConfig
from rampjax.config.device_fields import FIELDS, WRITE
from rampjax.config.records import AGES, bare, flat_figure
from rampjax.config.toml_file import validate
from rampjax.target.functions import Function, as_function, table_function
from rampjax.target.inputs import InputDistribution, parse_inputs, sample_inputs
from rampjax.target.target import Target, make_target

CELLS = "cells"  # the file of measured cells, of a design that cannot be read back
_BEYOND = 1.5  # a ramp whose outermost levels are aimed further in may stay inside a window that these leave

__all__ = ["DesignFile", "bare", "design_record", "read_design", "read_design_file", "rebuild_design"]


@dataclass(frozen=True, eq=False)
class DesignFile:
    """What a design file holds: the design, its device as data, and the file's own words."""

    design: Design
    device: DeviceConfig
    record: Mapping[str, Any]


def design_record(design: Design, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Returns a design as bare numbers, strings and lists; an infinite number is None.

    Args:
        design: the design.
        overrides: what replaced fields of the preset or the circuit, as `--set` takes it: "device.sigma_prog_uS=4.0".
    """
    target, circuit, device = design.target, design.circuit, design.device
    return {
        "schema_version": SCHEMA_VERSION,
        "function": target.function.name,
        **_table_record(target.function),
        "bits": target.bits,
        "column_bits": design.column.bits,
        "levels": target.levels,
        **_inputs_record(target.inputs),
        "device": device.name,
        "overrides": list(overrides),
        "calibration": design.calibration.text,
        "x_lo": bare(target.x_lo),
        "x_hi": bare(target.x_hi),
        "lsb": target.lsb,
        "thresholds": target.thresholds.tolist(),
        "codes": target.codes.tolist(),
        "outputs": target.outputs.tolist(),
        "scale_V": design.scale_V,
        "v_ramp_V": design.v_ramp_V.tolist(),
        "g_target_uS": design.g_target_uS.tolist(),
        "t_pulse_ns": design.t_pulse_ns.tolist(),
        "n_devices": [int(count) for count in design.n_devices],
        "devices_total": design.devices_total,
        "ramp_time_ns": design.ramp_time_ns,
        "start_V": design.start_V,
        "level_of": design.level_of.tolist(),
        "n_bias": design.n_bias,
        "g_bias_uS": design.g_bias_uS,
        "t_bias_ns": design.t_bias_ns,
        "c_int_fF": design.c_int_fF,
        "rmse_lsb": design.rmse_lsb,
        "y_lo": target.y_lo,
        "y_hi": target.y_hi,
        # What varies from chip to chip, so that the file stands without the preset.
        "sigma_offset_V": circuit.comparator.sigma_offset_V,
        **_circuit_record(circuit),
        **_device_record(device),
        **({} if device.cells is None else {CELLS: device.cells.name}),
    }


def _table_record(function: Function) -> dict[str, list[float]]:
    """The points of a function that is a table, nothing for any other."""
    x = np.array(function.breakpoints)
    if len(x) >= 2:
        y = function.evaluate(x)
        if np.isfinite(y).all() and table_function(function.name, x, y).formula == function.formula:
            return {"table_x": x.tolist(), "table_y": y.tolist()}
    return {"table_x": [], "table_y": []}


def _inputs_record(inputs: InputDistribution | None) -> dict[str, Any]:
    samples = None if inputs is None else inputs.samples
    return {
        "inputs": "output" if inputs is None else inputs.text,
        "input_samples": [] if samples is None else np.asarray(samples, float).tolist(),
    }


def _circuit_record(circuit: Circuit) -> dict[str, Any]:
    """Every figure of the circuit: its own under their keys, those of its blocks as SECTION_KEY."""
    blocks = {name: getattr(circuit, name) for name in BLOCKS if name != "circuit"}
    return {
        **{key: getattr(circuit, key) for key in knobs(Circuit) if key not in DERIVED_CIRCUIT},
        **{f"{name}_{key}": getattr(block, key) for name, block in blocks.items() for key in knobs(type(block))},
    }


def _device_record(device: Device) -> dict[str, Any]:
    """Every figure of the device; a curve is the list of its coefficients, what is absent is None."""
    write = device.write
    held = {
        key: getattr(write, key.removeprefix(WRITE), None) if key.startswith(WRITE) else getattr(device, key)
        for key in FIELDS
    }
    return {flat: number for key, value in held.items() for flat, number in flat_figure(key, value).items()}


def read_design(path: str | Path) -> Design:
    """Reads a design file and rebuilds the very design, every figure of it checked.

    Args:
        path: what `rampjax design`, `rampjax solve` or `save_design` wrote.

    Raises:
        InputError: names the file and the key: not strict JSON, another schema, a missing or unknown key, a wrong type,
            length or value, numbers that contradict each other, or a column that cannot be built.
    """
    return read_design_file(path).design


def read_design_file(path: str | Path) -> DesignFile:
    """Reads a design file, with its device and its record as data; see `read_design`."""
    return rebuild_design(read_json(Path(path)), str(path))


def rebuild_design(record: Mapping[str, Any], where: str) -> DesignFile:
    """Rebuilds the design of a record.

    Args:
        record: as `design_record` gives it; the keys that the solver adds may stand beside.
        where: the file, for the message.

    Raises:
        InputError: see `read_design`.
    """
    record = _as_now(record)
    if CELLS in record:
        raise InputError(
            f"{where}: has devices of measured cells (`{CELLS}`), which a design file cannot hold; expected devices "
            "with laws, or FUNCTION and --device in place of the file."
        )
    check_known(record, [*_CIRCUIT_KEYS, *_DEVICE_KEYS], where)
    check_kinds(record, where)
    circuit = _circuit_of(record, where)
    device = device_of(record, where)
    try:
        design = _lay_out(record, circuit, build_device(device))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    check_derived(record, design_record(design), where)
    reach_V = design.scale_V * float(np.abs(design.column.thresholds).max())
    if reach_V > _BEYOND * circuit.v_window_V:
        raise InputError(
            f"{where}: `scale_V` must keep thresholds within `v_window_V` ({circuit.v_window_V:g} V), but takes one "
            f"to {reach_V:.4g} V."
        )
    return DesignFile(design, device, record)


# Older schemas that are read as well: what they do not know yet is at its default.
_NEW_IN_5 = ("relax_t0_s", "relax_quantiles")
_NEW_IN_4 = (
    *("read_by", "sigma_measure_V", "ramp_auto_zero", "ramp_thermal_noise", "comparator_noise_per"),
    *("comparator_undecided", "t_read_ns", "tau_read_ns", "sigma_slow_uS", "slow_t_lo_s", "slow_t_hi_s"),
    *("failed_prob", "failed_bias_uS", "failed_sigma_uS"),
)
_UNKNOWN_TO = {3: (*_NEW_IN_4, *_NEW_IN_5), 4: _NEW_IN_5}


def _as_now(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record of the older schema as one of today's; any other as it is."""
    version = record.get("schema_version")
    if isinstance(version, bool) or version not in _UNKNOWN_TO:
        return record
    device = {field.name: field.default for field in dataclasses.fields(Device)}
    figures = {**_circuit_record(Circuit()), **device}
    absent = {flat: number for key in _UNKNOWN_TO[version] for flat, number in flat_figure(key, figures[key]).items()}
    return {**absent, **record, "schema_version": SCHEMA_VERSION}


_CIRCUIT_KEYS = tuple(_circuit_record(Circuit()))
_DEVICE_KEYS = (*FIELDS, AGES)


def _circuit_of(record: Mapping[str, Any], where: str) -> Circuit:
    """The circuit of a record, every figure checked by itself."""
    settings: dict[str, Any] = {}
    for section, block in BLOCKS.items():
        flat = {key: key if section == "circuit" else f"{section}_{key}" for key in knobs(block)}
        given = {key: record[name] for key, name in flat.items() if name in record and name not in DERIVED_CIRCUIT}
        checked = validate(MODELS[section], given, where, renamed=flat)
        settings |= {f"{section}.{key}": getattr(checked, key) for key in given}
    return set_circuit(Circuit(n_bias=record["n_bias"] or None), settings)


def _lay_out(record: Mapping[str, Any], circuit: Circuit, device: Device) -> Design:
    target = _target_of(record)
    column = column_of(target, record["column_bits"])
    layout = Layout(
        scale_V=float(record["scale_V"]),
        c_int_fF=float(record["c_int_fF"]),
        v_ramp_V=np.array(record["v_ramp_V"], float),
        t_pulse_ns=np.array(record["t_pulse_ns"], float),
        n_devices=np.array(record["n_devices"], int),
        n_bias=record["n_bias"],
        t_bias_ns=float(record["t_bias_ns"]),
    )
    return lay_out(target, column, device, circuit, parse_calibration(record["calibration"]), layout)


def _target_of(record: Mapping[str, Any]) -> Target:
    name, samples = record["function"], record["input_samples"]
    if record["table_x"] or record["table_y"]:
        function = table_function(name, record["table_x"], record["table_y"])
    else:
        function = as_function(name)
    inputs = sample_inputs(np.array(samples, float), record["inputs"]) if samples else parse_inputs(record["inputs"])
    x_lo, x_hi = record["x_lo"], record["x_hi"]
    x_range = (-math.inf if x_lo is None else float(x_lo), math.inf if x_hi is None else float(x_hi))
    return make_target(function, record["bits"], record["levels"], x_range, inputs)
