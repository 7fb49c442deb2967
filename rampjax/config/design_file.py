"""The design file: one flat, strict JSON object that is enough to rebuild any chip of a design."""

from collections.abc import Sequence
from typing import Any

from rampjax.circuit.blocks import BLOCKS, Circuit, knobs
from rampjax.circuit.design import Design
from rampjax.circuit.device import Device
from rampjax.config.device_fields import FIELDS, WRITE
from rampjax.config.records import bare, flat_figure

__all__ = ["bare", "design_record"]

SCHEMA_VERSION = 1


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
        "bits": target.bits,
        "column_bits": design.column.bits,
        "levels": target.levels,
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
        "t_clk_ns": circuit.t_clk_ns,
        "pulse_grid": design.pulse_grid,
        "ramp_time_ns": design.ramp_time_ns,
        "start_V": design.start_V,
        "level_of": design.level_of.tolist(),
        "n_bias": design.n_bias,
        "g_bias_uS": design.g_bias_uS,
        "t_bias_ns": design.t_bias_ns,
        "c_int_fF": design.c_int_fF,
        "rmse_lsb": design.rmse_lsb,
        # What varies from chip to chip, so that the file stands without the preset.
        "y_lo": target.y_lo,
        "y_hi": target.y_hi,
        "v_window_V": circuit.v_window_V,
        "n_reads": circuit.n_reads,
        "bias_clocks": circuit.bias_clocks,
        "sigma_offset_V": circuit.comparator.sigma_offset_V,
        **_circuit_record(circuit),
        **_device_record(device),
    }


def _circuit_record(circuit: Circuit) -> dict[str, Any]:
    """Every figure of the blocks inside the circuit as SECTION_KEY."""
    blocks = {name: getattr(circuit, name) for name in BLOCKS if name != "circuit"}
    return {f"{name}_{key}": getattr(block, key) for name, block in blocks.items() for key in knobs(type(block))}


def _device_record(device: Device) -> dict[str, Any]:
    """Every figure of the device; a curve is the list of its coefficients, what is absent is None."""
    write = device.write
    held = {
        key: getattr(write, key.removeprefix(WRITE), None) if key.startswith(WRITE) else getattr(device, key)
        for key in FIELDS
    }
    return {flat: number for key, value in held.items() for flat, number in flat_figure(key, value).items()}
