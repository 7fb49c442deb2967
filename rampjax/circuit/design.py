"""The closed-form design: from a target's thresholds to the conductances of the published layout.

One device and one pulse of a full clock per step (Yang et al. 2025): `g_k = dV_k c_int / (v_read t_pulse)`. The largest
step gets the largest allowed conductance, because programming error is mostly absolute. Host-side, NumPy in float64.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from rampjax.checks import InputError
from rampjax.circuit.calibration import CORRECTIONS, CalibrationParams
from rampjax.circuit.calibration_spec import CalibrationSpec
from rampjax.circuit.comparator import ComparatorParams
from rampjax.circuit.converter import ColumnStructure, ConverterParams
from rampjax.circuit.device import Device
from rampjax.circuit.ramp import RampParams
from rampjax.target.arrays import float32_array, ideal_rmse_lsb, target_arrays
from rampjax.target.target import Target

# Conductances meet their limits to this relative accuracy: thresholds are solved to float64's last bits only.
_TOLERANCE = 1e-9
_COARSEST_GRAIN = 0.02  # a float32 grain of x, in steps: its rounding is then below 0.01 LSB
_LARGEST_COLUMN = 2**19


@dataclass(frozen=True)
class Circuit:
    """The circuit around the devices, on the host."""

    t_clk_ns: float = 1.0
    c_int_fF: float | None = None  # None: sized so that the ramp just fits the window
    v_window_V: float = 0.5  # MAC voltage and ramp stay within plus and minus this
    sigma_offset_V: float = 0.0  # comparator offset (static, once per column)
    n_reads: int = 0  # reads averaged by a calibration's measurement; 0 is noise-free


@dataclass(frozen=True, eq=False)
class Design:
    """A ramp column ready to be programmed, with everything needed to rebuild any sampled chip of it."""

    target: Target
    device: Device
    circuit: Circuit
    calibration: CalibrationSpec
    scale_V: float  # volts per unit of x, a_V
    c_int_fF: float
    v_ramp_V: np.ndarray  # (K,) the ramp at each threshold
    g_target_uS: np.ndarray  # (K-1,) one per step between neighbouring thresholds
    t_pulse_ns: np.ndarray  # (K-1,)
    pulse_grid: int  # pulses are multiples of t_clk_ns / pulse_grid

    @property
    def start_V(self) -> float:
        return float(self.v_ramp_V[0])

    @property
    def ramp_time_ns(self) -> float:
        """One clock per bin: 2**bits clocks for a monotone function."""
        return len(self.target.codes) * self.circuit.t_clk_ns

    @property
    def rmse_lsb(self) -> float:
        """Root mean square error of the ideal chip, in LSB."""
        return ideal_rmse_lsb(self.target)


def design_closed_form(
    target: Target, device: Device, circuit: Circuit = Circuit(), calibration: CalibrationSpec = CalibrationSpec()
) -> Design:
    """Designs the column that realises the target exactly where nothing varies.

    Raises:
        InputError: a conductance outside the device's range; the sentence names the step and by how much.

    References:
        Charge balance of an ideal integrator, c_int dV_k = g_k t_pulse_k v_read, solved for g_k.
    """
    steps = np.diff(target.thresholds)
    reach = np.abs(target.thresholds).max()
    largest_charge_fC = device.g_max_uS * device.v_read_V * circuit.t_clk_ns
    scale_V = circuit.v_window_V / reach
    if circuit.c_int_fF is None:
        c_int_fF = largest_charge_fC / (scale_V * steps.max())
    else:
        c_int_fF = circuit.c_int_fF
        # A small capacitor would drive the ramp out of its window: then the window sets the scale.
        scale_V = min(scale_V, largest_charge_fC / (c_int_fF * steps.max()))
    v_ramp_V = scale_V * target.thresholds
    g_target_uS = np.diff(v_ramp_V) * c_int_fF / (device.v_read_V * circuit.t_clk_ns)
    _check_range(g_target_uS, target, device)
    _check_resolution(target)
    _check_size(target, calibration)
    return Design(
        target=target,
        device=device,
        circuit=circuit,
        calibration=calibration,
        scale_V=float(scale_V),
        c_int_fF=float(c_int_fF),
        v_ramp_V=v_ramp_V,
        g_target_uS=np.minimum(g_target_uS, device.g_max_uS),
        t_pulse_ns=np.full(len(steps), circuit.t_clk_ns),
        pulse_grid=1,
    )


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


def _check_size(target: Target, calibration: CalibrationSpec) -> None:
    """Raises InputError where a block of chips would not fit into memory."""
    size = len(target.thresholds) * max(calibration.n_redundant, len(target.branch_x) - 1)
    if size > _LARGEST_COLUMN:
        raise InputError(
            f"`{target.function.name}` at {target.bits} bits is too large to simulate: thresholds times monotone "
            f"branches, or times redundant columns, must be at most {_LARGEST_COLUMN}, but are {size}."
        )


def column_structure(design: Design) -> ColumnStructure:
    """What of a design changes the compiled kernel."""
    calibration = design.calibration
    measures = calibration.ramp_aware or calibration.correction != "none" or calibration.n_redundant > 1
    return ColumnStructure(
        ramp_aware=calibration.ramp_aware,
        n_redundant=calibration.n_redundant,
        noisy_measurement=measures and design.circuit.n_reads > 0,
        stuck_cells=design.device.has_stuck_cells,
        comparator_offset=design.circuit.sigma_offset_V > 0,
    )


def converter_params(design: Design) -> ConverterParams:
    """The traced parameters of a design, padded to the bucket of its bits. Padded steps have no pulse."""
    target = target_arrays(design.target)
    n, pad = len(design.v_ramp_V), len(target.valid) - len(design.v_ramp_V)
    n_reads = design.circuit.n_reads
    return ConverterParams(
        target=target,
        device=design.device.params(),
        ramp=RampParams(
            v_read_V=float32_array(design.device.v_read_V),
            c_int_fF=float32_array(design.c_int_fF),
            t_pulse_ns=float32_array(np.pad(design.t_pulse_ns, (0, pad))),
        ),
        comparator=ComparatorParams(float32_array(design.circuit.sigma_offset_V)),
        calibration=CalibrationParams(
            correction=jnp.int32(CORRECTIONS.index(design.calibration.correction)),
            middle=jnp.int32((n - 1) // 2),
            last=jnp.int32(n - 1),
            read_averaging=float32_array(1 / np.sqrt(n_reads) if n_reads else 0.0),
        ),
        g_target_uS=float32_array(np.pad(design.g_target_uS, (0, pad))),
        v_target_V=float32_array(np.pad(design.v_ramp_V, (0, pad), mode="edge")),
        scale_V=float32_array(design.scale_V),
    )
