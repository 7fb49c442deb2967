"""A nonlinear ramp converter, one chip: from random keys to its realised thresholds, and from inputs to codes.

Static variations are drawn once here (programming, stuck cells, comparator offset); read noise, which is temporal,
is returned as the standard deviation of each threshold. Timing, the MAC column and slow changes are left out here.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from rampjax.circuit.calibration import CalibrationParams, correct_ramp, measurement_error_uS, program_ramp_aware
from rampjax.circuit.comparator import ComparatorParams, sample_offset_V
from rampjax.circuit.device import DeviceParams, sigma_at
from rampjax.circuit.programming import apply_health, realise_conductance, sample_health
from rampjax.circuit.ramp import RampParams, cumulative_sum, ramp_levels_V, volts_per_uS
from rampjax.metrics import max_inl_lsb, realise
from rampjax.target.arrays import TargetArrays

# Each source of randomness has its own stream: switching one on leaves the draws of the others as they were.
_PROGRAM, _HEALTH, _MEASURE, _OFFSET = range(4)


@dataclass(frozen=True)
class ColumnStructure:
    """The static part of a column: what changes the compiled kernel. Everything else is traced data."""

    ramp_aware: bool = False
    n_redundant: int = 1
    noisy_measurement: bool = False
    stuck_cells: bool = False
    comparator_offset: bool = False


class ConverterParams(NamedTuple):
    """The traced part of a converter."""

    target: TargetArrays
    device: DeviceParams
    ramp: RampParams
    comparator: ComparatorParams
    calibration: CalibrationParams
    g_target_uS: Float[Array, " step"]
    v_target_V: Float[Array, " threshold"]
    scale_V: Float[Array, ""]  # volts per unit of x, a_V


class Column(NamedTuple):
    """One programmed ramp column with its comparator."""

    g_uS: Float[Array, " step"]  # realised conductances
    v_ramp_V: Float[Array, " threshold"]  # the corrected ramp
    thresholds: Float[Array, " threshold"]  # where the comparator flips, in x
    sigma_x: Float[Array, " threshold"]  # standard deviation of each threshold from conversion to conversion, in x


def sample_column(key: Key[Array, ""], params: ConverterParams, structure: ColumnStructure) -> Column:
    """Programs, corrects and selects one column, and reads its thresholds off: T_k = (V_k + V_offset) / a_V.

    A redundant column is selected by the worst INL that its measurement shows; the true one is returned. The
    comparator's offset comes after calibration, which measures the ramp that all columns share.
    """
    if structure.n_redundant == 1:
        g_uS, v_V, _ = _candidate(key, 0, params, structure)
    else:
        indices = jnp.arange(structure.n_redundant)
        g_uS, v_V, seen = jax.vmap(lambda index: _candidate(key, index, params, structure))(indices)
        # A one-hot sum, not a gather: under vmap a gather of whole rows is slow on CPU.
        chosen = jax.nn.one_hot(jnp.argmin(seen), structure.n_redundant, dtype=v_V.dtype)[:, None]
        g_uS, v_V = jnp.sum(g_uS * chosen, axis=0), jnp.sum(v_V * chosen, axis=0)
    offset_V = jnp.zeros_like(params.scale_V)
    if structure.comparator_offset:
        offset_V = sample_offset_V(jax.random.fold_in(key, _OFFSET), params.comparator)
    sigma_V = read_noise_V(g_uS, params)
    return Column(g_uS, v_V, (v_V + offset_V) / params.scale_V, sigma_V / params.scale_V)


def _candidate(
    key: Key[Array, ""], index: Int[Array, ""] | int, params: ConverterParams, structure: ColumnStructure
) -> tuple[Array, Array, Array]:
    """One of the redundant columns: its conductances, corrected ramp, and worst INL as measured."""

    def stream(source: int) -> Key[Array, ""]:
        return jax.random.fold_in(jax.random.fold_in(key, source), index)

    device, ramp, calibration = params.device, params.ramp, params.calibration
    shape = params.g_target_uS.shape
    z = jax.random.normal(stream(_PROGRAM), shape)
    health = sample_health(stream(_HEALTH), shape[0], device) if structure.stuck_cells else None
    z_while, z_after = jax.random.normal(stream(_MEASURE), (2, *shape)) if structure.noisy_measurement else (None, None)
    if structure.ramp_aware:
        g_uS = program_ramp_aware(z, z_while, health, params.g_target_uS, device, ramp, calibration)
    else:
        g_uS = realise_conductance(z, params.g_target_uS, device)
        if health is not None:
            g_uS = apply_health(g_uS, health, device)
    v_V = ramp_levels_V(ramp, g_uS)
    measured_V = v_V
    if z_after is not None:
        measured_V = ramp_levels_V(ramp, g_uS + measurement_error_uS(z_after, g_uS, device, calibration))
    corrected_V = correct_ramp(v_V, measured_V, params.v_target_V, calibration)
    seen_V = correct_ramp(measured_V, measured_V, params.v_target_V, calibration)
    # Only selection looks at this number; where there is none, the compiler drops it.
    return g_uS, corrected_V, max_inl_lsb(realise(seen_V / params.scale_V, params.target), params.target)


def read_noise_V(g_uS: Float[Array, " step"], params: ConverterParams) -> Float[Array, " threshold"]:
    """Temporal noise of each ramp level: every conversion reads each device once, so variances add up along the ramp.

    var V_k = sum over the steps below of (sigma_read(g_j) v_read t_pulse_j / c_int)^2.
    """
    per_step_V = sigma_at(params.device.sigma_read_uS, g_uS) * volts_per_uS(params.ramp)
    variance = cumulative_sum(per_step_V**2)
    return jnp.sqrt(jnp.concatenate([jnp.zeros_like(variance[:1]), variance]))


def convert(
    x: Float[Array, "*input"], thresholds: Float[Array, " threshold"], codes: Int[Array, " bin"]
) -> Int[Array, "*input"]:
    """Converts inputs to codes: the code of the bin that holds x, a threshold itself belonging to the bin above it.

    Compares with every threshold and sums: on CPU much faster than a vmapped `searchsorted`.

    Args:
        x: inputs, in units of the function's argument.
        thresholds: realised thresholds, ascending, without padding.
        codes: the code of each bin, one more than thresholds.
    """
    return codes[jnp.sum(x[..., None] >= thresholds, axis=-1)]
