"""What a design must keep: limits of the device, the pulses, the window, the memory. Refusals name the culprit."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from rampjax.checks import InputError, told_apart
from rampjax.circuit.blocks import NOMINAL_K, Circuit
from rampjax.circuit.calibration_spec import CalibrationSpec
from rampjax.circuit.cells import choose_cells
from rampjax.circuit.curves import is_zero
from rampjax.circuit.device import Device
from rampjax.circuit.device_faults import (
    REPLACED_BY_CELLS,
    cells_fault,
    failed_fault,
    read_fault,
    relaxation_fault,
    slow_noise_fault,
)
from rampjax.circuit.quantiles import AgedQuantiles, quantiles_fault
from rampjax.circuit.relaxation import calibrated_at_s
from rampjax.target.target import Target

if TYPE_CHECKING:
    from rampjax.circuit.design import Layout

TOLERANCE = 1e-9  # limits are met to this relative accuracy: thresholds are solved to float64's last bits only
_COARSEST_GRAIN = 0.02  # a float32 grain of x, in steps: its rounding is then below 0.01 LSB
_LARGEST_COLUMN = 2**19
MAX_CLOCKS = 64  # of one read pulse


def check_device(device: Device, circuit: Circuit) -> None:
    """Raises InputError where the circuit asks of a device what it does not have, or its currents would turn round."""
    if circuit.programming.mode == "write_verify" and device.write is None:
        raise InputError(f"`programming.mode` must be plain on {device.name}, which has no figures of write-verify.")
    if device.n_levels is not None and device.n_levels < 2:
        raise InputError(f"`device.n_levels` must be at least 2, but is {device.n_levels}.")
    _check_errors(device)
    operation, beta = circuit.operation, device.nonlinearity_per_V2
    for v_V in (device.v_read_V, device.v_read_V * (1 + operation.v_read_change_rel)):
        if 1 + beta * v_V**2 <= 0:
            raise InputError(
                f"`device.nonlinearity_per_V2` must be above {-1 / v_V**2:.4g} for a read voltage of {v_V:.4g} V, "
                f"but is {beta:g}."
            )
    aged = device.aged_sigma_uS
    if aged and operation.age_s > aged[-1][0]:
        raise InputError(
            f"`operation.age_s` must be at most {aged[-1][0]:g} on {device.name}, the oldest age of its spread, but is "
            f"{operation.age_s:g}."
        )
    _check_cells(device, circuit)
    if device.relaxes and 0 < operation.age_s < device.relax_t0_s:
        raise InputError(
            f"`operation.age_s` must be 0 or at least {device.relax_t0_s:g} on {device.name}, the age in s from which "
            f"its law of relaxation holds (`device.relax_t0_s`), but is {operation.age_s:g}."
        )
    change_K = operation.temperature_K - NOMINAL_K
    if 1 + device.tc_rel_per_K * change_K <= 0:
        raise InputError(
            f"`operation.temperature_K` must leave a conductance above 0, but at {operation.temperature_K:g} K the "
            f"coefficient `device.tc_rel_per_K` = {device.tc_rel_per_K:g} takes all of it."
        )


def _check_cells(device: Device, circuit: Circuit) -> None:
    cells, operation = device.cells, circuit.operation
    if cells is None:
        return
    defaults = {item.name: item.default for item in dataclasses.fields(Device)}
    for key in REPLACED_BY_CELLS:
        value = getattr(device, key)
        if not (is_zero(value) if key == "sigma_prog_uS" else value == defaults[key]):
            raise InputError(cells_fault(key, "device."))
    calibrated_s = calibrated_at_s(operation.age_s, operation.recalibrate_s)
    ages = cells.ages_s()
    for age_s, said in ((operation.age_s, "operation.age_s"), (calibrated_s, "age at the last calibration")):
        if age_s > 0 and (ages is None or not ages[0] <= age_s <= ages[1]):
            read = "" if ages is None else f" or between {ages[0]:.4g} and {ages[1]:.4g}"
            raise InputError(
                f"`{said}` must be 0{read} s on {device.name}, whose measured cells were read at no other ages, but is "
                f"{age_s:g}."
            )
    choose_cells(cells, device.g_min_uS, device.g_max_uS, calibrated_s, operation.age_s)


def _check_errors(device: Device) -> None:
    times = (device.slow_t_lo_s, device.slow_t_hi_s)
    spreads = {"relax_sigma_uS": not is_zero(device.relax_sigma_uS), "aged_sigma_uS": bool(device.aged_sigma_uS)}
    contained_in = next((key for key, given in spreads.items() if given), None)
    targets = (device.g_min_uS, device.g_max_uS)
    for fault in (
        *(_shape_fault(device, key) for key in ("error_quantiles", "relax_quantiles")),
        failed_fault(device.failed_prob, *targets, "device."),
        relaxation_fault(device.relax_sigma_uS, device.relax_t0_s, *targets, "device."),
        read_fault(device.t_read_ns, device.tau_read_ns, "device."),
        slow_noise_fault(device.sigma_slow_uS, *times, contained_in, "device."),
    ):
        if fault:
            raise InputError(fault)


def _shape_fault(device: Device, key: str) -> str | None:
    quantiles = getattr(device, key)
    if key == "error_quantiles" and isinstance(quantiles, AgedQuantiles):
        return f"`device.{key}` must not depend on the age, expected one row of quantiles or a `QuantileTable`."
    # A table of them has been checked where it was made.
    fault = quantiles_fault(quantiles) if isinstance(quantiles, tuple) and quantiles else None
    return f"`device.{key}` {fault}." if fault else None


def check_range(g_target_uS: np.ndarray, target: Target, device: Device) -> None:
    """Raises InputError for the step that misses the device's range by most."""
    k = int(np.argmin(g_target_uS))
    shortfall_uS = device.g_min_uS - g_target_uS[k]
    if shortfall_uS > TOLERANCE * device.g_max_uS:
        x_from, x_to = told_apart(target.thresholds[k : k + 2])
        raise InputError(
            f"The conductances of `{target.function.name}` at {target.bits} bits cannot be met by {device.name}: "
            f"step {k + 1} of {len(g_target_uS)} (x from {x_from} to {x_to}) needs {g_target_uS[k]:.4g} µS, "
            f"{shortfall_uS:.4g} µS below g_min_uS = {device.g_min_uS:g}, when the largest step has "
            f"{g_target_uS.max():.4g} µS."
        )
    k = int(np.argmax(g_target_uS))
    excess_uS = g_target_uS[k] - device.g_max_uS
    if excess_uS > 1e-6 * device.g_max_uS:
        raise InputError(
            f"The conductances of `{target.function.name}` at {target.bits} bits cannot be met by {device.name}: step "
            f"{k + 1} of {len(g_target_uS)} needs {g_target_uS[k]:.4g} µS, {excess_uS:.4g} µS above g_max_uS = "
            f"{device.g_max_uS:g}."
        )


def check_resolution(target: Target) -> None:
    """Raises InputError where single precision, in which chips are simulated, does not resolve the thresholds."""
    t = target.thresholds
    grain = np.spacing(np.abs(t).astype(np.float32)).astype(np.float64)
    lost = np.maximum(grain[:-1], grain[1:]) / np.diff(t)
    k = int(np.argmax(lost))
    if lost[k] > _COARSEST_GRAIN:
        raise InputError(
            f"`{target.function.name}` at {target.bits} bits has thresholds too close for single precision: step "
            f"{k + 1} (x from {t[k]:.9g} to {t[k + 1]:.9g}) must be at least {1 / _COARSEST_GRAIN:g} float32 grains "
            f"wide, but has {1 / lost[k]:.3g}; choose fewer bits, or a range that is wider or nearer to 0."
        )


def check_size(
    target: Target, column: Target, circuit: Circuit, calibration: CalibrationSpec, n_step_devices: int
) -> None:
    """Raises InputError where a block of chips would not fit into memory."""
    array = circuit.array
    branches = (len(target.branch_x) - 1) * (array.n_columns + array.n_spare)
    size = max(len(column.thresholds), n_step_devices + 1) * max(calibration.n_redundant * array.n_ramps, branches)
    if size > _LARGEST_COLUMN:
        raise InputError(
            f"`{target.function.name}` at {column.bits} bits is too large to simulate: thresholds times monotone "
            f"branches and columns, or times redundant columns and ramps, must be at most {_LARGEST_COLUMN}, but are "
            f"{size}."
        )


def check_layout(layout: "Layout", n_levels: int, circuit: Circuit) -> None:
    """Raises InputError unless a layout fits its column: lengths, pulses on the grid, a rising ramp in its window."""
    lengths = {"v_ramp_V": n_levels, "t_pulse_ns": n_levels - 1, "n_devices": n_levels - 1}
    for name, length in lengths.items():
        values = np.asarray(getattr(layout, name))
        if values.shape != (length,) or not np.isfinite(values).all():
            raise InputError(f"`{name}` must be {length} finite numbers, one per {_OF_EACH[name]}.")
    for name in ("scale_V", "c_int_fF", "t_bias_ns"):
        if not 0 < getattr(layout, name) < np.inf:
            raise InputError(f"`{name}` must be positive, but is {getattr(layout, name):g}.")
    _check_ramp(layout, circuit)
    _check_pulses(layout, circuit)


_OF_EACH = {"v_ramp_V": "level", "t_pulse_ns": "step", "n_devices": "step"}


def _check_ramp(layout: "Layout", circuit: Circuit) -> None:
    k = int(np.argmin(np.diff(layout.v_ramp_V)))
    if layout.v_ramp_V[k + 1] <= layout.v_ramp_V[k]:
        raise InputError(
            f"`v_ramp_V` must rise at every step, but goes from {layout.v_ramp_V[k]:.6g} to "
            f"{layout.v_ramp_V[k + 1]:.6g} V at step {k + 1}."
        )
    reach_V = float(np.abs(layout.v_ramp_V).max())
    if reach_V > circuit.v_window_V * (1 + 1e-6):
        raise InputError(
            f"`v_ramp_V` must stay within `circuit.v_window_V`, plus and minus {circuit.v_window_V:g} V, but reaches "
            f"{reach_V:.6g} V."
        )


def _check_pulses(layout: "Layout", circuit: Circuit) -> None:
    if (layout.n_devices < 1).any() or (layout.n_devices != np.rint(layout.n_devices)).any():
        raise InputError("`n_devices` must be whole numbers of at least 1.")
    grains = np.append(layout.t_pulse_ns, layout.t_bias_ns) * (circuit.pulse_grid / circuit.t_clk_ns)
    k = int(np.argmax(np.abs(grains - np.rint(grains))))
    name = f"`t_pulse_ns` of step {k + 1}" if k < len(layout.t_pulse_ns) else "`t_bias_ns`"
    if abs(grains[k] - np.rint(grains[k])) > 1e-6:
        raise InputError(
            f"{name} must be a multiple of t_clk_ns / pulse_grid = {circuit.t_clk_ns / circuit.pulse_grid:.6g} ns, but "
            f"is {grains[k] * circuit.t_clk_ns / circuit.pulse_grid:.6g} ns."
        )
    shortest_ns, longest_ns = float(layout.t_pulse_ns.min()), float(layout.t_pulse_ns.max())
    if layout.n_bias:
        shortest_ns = min(shortest_ns, layout.t_bias_ns)
    most_ns = circuit.bias_clocks * circuit.t_clk_ns
    if layout.n_bias and layout.t_bias_ns > most_ns * (1 + 1e-6):
        raise InputError(
            f"`t_bias_ns` must be at most `circuit.bias_clocks` clocks, {most_ns:g} ns, but is {layout.t_bias_ns:g} ns."
        )
    least_ns = max(circuit.t_min_ns, circuit.t_clk_ns / circuit.pulse_grid)
    if shortest_ns < least_ns * (1 - 1e-6):
        raise InputError(f"`t_pulse_ns` must be at least {least_ns:.6g} ns, but one is {shortest_ns:.6g} ns.")
    if longest_ns > MAX_CLOCKS * circuit.t_clk_ns * (1 + 1e-6):
        raise InputError(f"`t_pulse_ns` must be at most {MAX_CLOCKS} clocks, but one is {longest_ns:.6g} ns.")
    if longest_ns > circuit.t_clk_ns * (1 + 1e-6) and circuit.comparator.kind == "continuous":
        raise InputError(
            "`t_pulse_ns` must be at most one clock beside a continuous-time comparator, whose late decisions are "
            f"counted in clocks of one step each, but one is {longest_ns:.6g} ns."
        )
