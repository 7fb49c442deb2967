"""The closed-form design: from a target's thresholds to the conductances of the ramp column.

One device and one pulse per step, `g_k = dV_k c_int / (v_read t_pulse_k)`: a pulse of a full clock as published (Yang
et al. 2025), or, on a grid of pulse widths, the shortest that the largest conductance allows. The largest step gets
the largest conductance, because programming error is mostly absolute. Host-side, NumPy in float64.
"""

import math
from dataclasses import dataclass

import numpy as np

from rampjax.checks import InputError
from rampjax.circuit.blocks import NOMINAL_K, Circuit, check_circuit
from rampjax.circuit.calibration_spec import CalibrationSpec
from rampjax.circuit.device import Device
from rampjax.target.arrays import ideal_rmse_lsb
from rampjax.target.target import Target, make_target

# Conductances meet their limits to this relative accuracy: thresholds are solved to float64's last bits only.
_TOLERANCE = 1e-9
_COARSEST_GRAIN = 0.02  # a float32 grain of x, in steps: its rounding is then below 0.01 LSB
_LARGEST_COLUMN = 2**19


@dataclass(frozen=True, eq=False)
class Design:
    """A ramp column ready to be programmed, with everything needed to rebuild any sampled chip of it.

    The column has K levels; they are the thresholds of the target, unless it has more bits than the target asks for.
    """

    target: Target
    column: Target  # what the column was built for; the target itself but where it is run at fewer bits
    device: Device
    circuit: Circuit
    calibration: CalibrationSpec
    scale_V: float  # volts per unit of x, a_V
    c_int_fF: float
    level_of: np.ndarray  # which of the column's levels is each of the target's thresholds
    v_ramp_V: np.ndarray  # (K,) the ramp at each level
    g_target_uS: np.ndarray  # (K-1,) one per step between neighbouring levels
    t_pulse_ns: np.ndarray  # (K-1,)
    n_bias: int  # bias devices that make the start; 0: it is exact
    g_bias_uS: float  # of each of them
    t_bias_ns: float

    @property
    def start_V(self) -> float:
        return float(self.v_ramp_V[0])

    @property
    def bias_sign(self) -> float:
        """+1, or -1 where the bias devices lower the start."""
        return math.copysign(1.0, self.start_V)

    @property
    def pulse_grid(self) -> int:
        """Pulses are multiples of t_clk_ns / pulse_grid."""
        return self.circuit.pulse_grid

    @property
    def v_threshold_V(self) -> np.ndarray:
        """The ramp at each threshold of the target, V."""
        return np.asarray(self.v_ramp_V[self.level_of])

    @property
    def ramp_time_ns(self) -> float:
        """One clock per bin of the column, and those of the bias devices: 2**bits clocks for a monotone function."""
        clocks = len(self.column.codes) + self.n_bias * self.circuit.bias_clocks
        return clocks * self.circuit.t_clk_ns

    @property
    def rmse_lsb(self) -> float:
        """Root mean square error of the ideal chip, in LSB."""
        return ideal_rmse_lsb(self.target)


def design_closed_form(
    target: Target,
    device: Device,
    circuit: Circuit = Circuit(),
    calibration: CalibrationSpec = CalibrationSpec(),
    column_bits: int | None = None,
) -> Design:
    """Designs the column that realises the target exactly where nothing varies.

    Args:
        target: function, levels, thresholds.
        device: the memristors.
        circuit: what is around them.
        calibration: what is done to the ramp.
        column_bits: bits of the column, where one of more bits is run at those of the target.

    Raises:
        InputError: a conductance outside the device's range (the sentence names the step and by how much), too few or
            too many bias devices, or a column whose levels do not hold the target's.

    References:
        Charge balance of an ideal integrator, c_int dV_k = g_k t_pulse_k v_read, solved for g_k.
    """
    check_circuit(circuit)
    _check_device(device, circuit)
    column = target
    if column_bits not in (None, target.bits):
        column = make_target(target.function, column_bits, target.levels, (target.x_lo, target.x_hi))
    steps = np.diff(column.thresholds)
    largest_charge_fC = device.g_max_uS * device.v_read_V * circuit.t_clk_ns
    scale_V = circuit.v_window_V / np.abs(column.thresholds).max()
    if circuit.c_int_fF is None:
        c_int_fF = largest_charge_fC / (scale_V * steps.max())
    else:
        c_int_fF = circuit.c_int_fF
        # A small capacitor would drive the ramp out of its window: then the window sets the scale.
        scale_V = min(scale_V, largest_charge_fC / (c_int_fF * steps.max()))
    v_ramp_V = scale_V * column.thresholds
    full_clock_uS = np.diff(v_ramp_V) * c_int_fF / (device.v_read_V * circuit.t_clk_ns)
    widths = np.ceil(full_clock_uS * (circuit.pulse_grid / device.g_max_uS) * (1 - _TOLERANCE))
    widths = np.clip(widths, 1, circuit.pulse_grid)
    g_target_uS = full_clock_uS * (circuit.pulse_grid / widths)
    _check_range(g_target_uS, column, device)
    _check_resolution(column)
    _check_size(target, column, circuit, calibration)
    start_fC = abs(v_ramp_V[0]) * c_int_fF
    n_bias, g_bias_uS, t_bias_ns = _design_start(start_fC, device, circuit, calibration)
    return Design(
        target=target,
        column=column,
        device=device,
        circuit=circuit,
        calibration=calibration,
        scale_V=float(scale_V),
        c_int_fF=float(c_int_fF),
        level_of=_find_levels(target, column),
        v_ramp_V=v_ramp_V,
        g_target_uS=np.minimum(g_target_uS, device.g_max_uS),
        t_pulse_ns=widths * (circuit.t_clk_ns / circuit.pulse_grid),
        n_bias=n_bias,
        g_bias_uS=g_bias_uS,
        t_bias_ns=t_bias_ns,
    )


def _check_device(device: Device, circuit: Circuit) -> None:
    """Raises InputError where the circuit asks of a device what it does not have, or its currents would turn round."""
    if circuit.programming.mode == "write_verify" and device.write is None:
        raise InputError(f"`programming.mode` must be plain on {device.name}, which has no figures of write-verify.")
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
    if 0 < operation.age_s < 1:
        raise InputError(
            f"`operation.age_s` must be 0 or at least 1, from where laws of the age hold, but is {operation.age_s:g}."
        )
    change_K = operation.temperature_K - NOMINAL_K
    if 1 + device.tc_rel_per_K * change_K <= 0:
        raise InputError(
            f"`operation.temperature_K` must leave a conductance above 0, but at {operation.temperature_K:g} K the "
            f"coefficient `device.tc_rel_per_K` = {device.tc_rel_per_K:g} takes all of it."
        )


def _design_start(
    start_fC: float, device: Device, circuit: Circuit, calibration: CalibrationSpec
) -> tuple[int, float, float]:
    """Number, conductance (µS) and pulse (ns) of the bias devices that charge the start."""
    t_bias_ns = circuit.bias_clocks * circuit.t_clk_ns
    needed_uS = start_fC / (device.v_read_V * t_bias_ns)
    least = max(math.ceil(needed_uS / device.g_max_uS * (1 - _TOLERANCE)), 1)
    trims = calibration.correction == "one_point_bias"
    n_bias = circuit.n_bias if circuit.n_bias is not None else (least if trims else 0)
    if n_bias == 0:
        if trims:
            raise InputError("`calibration` `one_point_bias` needs `circuit.n_bias` of at least 1, but it is 0.")
        return 0, 0.0, t_bias_ns
    if n_bias < least:
        raise InputError(
            f"`circuit.n_bias` must be at least {least}, since the start of the ramp needs {needed_uS:.4g} µS in all, "
            f"at most {device.g_max_uS:g} µS each, but is {n_bias}."
        )
    g_bias_uS = needed_uS / n_bias
    if needed_uS < device.g_max_uS * 1e-6:
        raise InputError(
            "Bias devices (`one_point_bias`, `circuit.n_bias`) need a ramp that does not start at 0 V; expected "
            "another range of x, or another calibration."
        )
    if g_bias_uS < device.g_min_uS:
        raise InputError(
            f"`circuit.n_bias` must be such that each bias device has at least {device.g_min_uS:g} µS, but {n_bias} of "
            f"them share {needed_uS:.4g} µS."
        )
    return n_bias, float(min(g_bias_uS, device.g_max_uS)), t_bias_ns


def _find_levels(target: Target, column: Target) -> np.ndarray:
    """Where the target's thresholds are among the column's levels.

    Raises:
        InputError: some are not there.
    """
    if column is target:
        return np.arange(len(target.thresholds))
    after = np.clip(np.searchsorted(column.thresholds, target.thresholds), 1, len(column.thresholds) - 1)
    below, above = (np.abs(column.thresholds[i] - target.thresholds) for i in (after - 1, after))
    nearest_level = np.where(below < above, after - 1, after)
    if np.minimum(below, above).max() > 1e-6 * np.diff(column.thresholds).min():
        raise InputError(
            f"`column_bits` = {column.bits} has no level at some thresholds of {target.bits} bits with "
            f"`{target.levels}` levels, expected `midrise` levels and at least as many bits."
        )
    return nearest_level


def _check_range(g_target_uS: np.ndarray, target: Target, device: Device) -> None:
    """Raises InputError for the step that misses the device's range by most."""
    k = int(np.argmin(g_target_uS))
    shortfall_uS = device.g_min_uS - g_target_uS[k]
    if shortfall_uS > _TOLERANCE * device.g_max_uS:
        x_from, x_to = target.thresholds[k], target.thresholds[k + 1]
        raise InputError(
            f"The conductances of `{target.function.name}` at {target.bits} bits cannot be met by {device.name}: "
            f"step {k + 1} of {len(g_target_uS)} (x from {x_from:.4g} to {x_to:.4g}) needs {g_target_uS[k]:.4g} µS, "
            f"{shortfall_uS:.4g} µS below g_min_uS = {device.g_min_uS:g}, when the largest step has "
            f"{g_target_uS.max():.4g} µS."
        )


def _check_resolution(target: Target) -> None:
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


def _check_size(target: Target, column: Target, circuit: Circuit, calibration: CalibrationSpec) -> None:
    """Raises InputError where a block of chips would not fit into memory."""
    array = circuit.array
    branches = (len(target.branch_x) - 1) * (array.n_columns + array.n_spare)
    size = len(column.thresholds) * max(calibration.n_redundant * array.n_ramps, branches)
    if size > _LARGEST_COLUMN:
        raise InputError(
            f"`{target.function.name}` at {column.bits} bits is too large to simulate: thresholds times monotone "
            f"branches and columns, or times redundant columns and ramps, must be at most {_LARGEST_COLUMN}, but are "
            f"{size}."
        )
