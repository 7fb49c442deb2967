"""The design file: one flat, strict JSON object that is enough to rebuild any chip of a design."""

import math
from collections.abc import Sequence
from typing import Any

from rampjax.circuit.design import Design

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
        "v_read_V": device.v_read_V,
        "c_int_fF": design.c_int_fF,
        "rmse_lsb": design.rmse_lsb,
        # What varies from chip to chip, so that the file stands without the preset.
        "y_lo": target.y_lo,
        "y_hi": target.y_hi,
        "v_window_V": circuit.v_window_V,
        "n_reads": circuit.n_reads,
        "sigma_offset_V": circuit.sigma_offset_V,
        "g_min_uS": device.g_min_uS,
        "g_max_uS": device.g_max_uS,
        "g_ceiling_uS": bare(device.g_ceiling_uS),
        "bias_prog_uS": device.bias_prog_uS,
        "sigma_prog_uS": list(device.sigma_prog_uS),
        "sigma_read_uS": list(device.sigma_read_uS),
        "stuck_off_prob": device.stuck_off_prob,
        "stuck_on_prob": device.stuck_on_prob,
        "g_stuck_off_uS": device.g_stuck_off_uS,
        "g_stuck_on_uS": device.g_stuck_on_uS,
    }


def bare(value: float) -> float | None:
    """Returns a number as strict JSON has it: None where it is not finite."""
    return float(value) if math.isfinite(value) else None
