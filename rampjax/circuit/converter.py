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
from rampjax.circuit.ramp import RampParams, cumulative_sum, ramp_deviation_V, volts_per_uS
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


class Ramp(NamedTuple):
    """One programmed ramp column, calibrated: what all the columns of an array share."""

    g_uS: Float[Array, " step"]  # realised conductances
    deviation_V: Float[Array, " threshold"]  # of the corrected ramp from the ideal one
    sigma_V: Float[Array, " threshold"]  # temporal noise of each level, from conversion to conversion


class Column(NamedTuple):
    """One converter: a ramp column seen by a comparator."""

    g_uS: Float[Array, " step"]  # realised conductances
    v_ramp_V: Float[Array, " threshold"]  # the corrected ramp
    thresholds: Float[Array, " threshold"]  # where the comparator flips, in x
    sigma_x: Float[Array, " threshold"]  # standard deviation of each threshold from conversion to conversion, in x


def sample_column(key: Key[Array, ""], params: ConverterParams, structure: ColumnStructure) -> Column:
    """Programs one ramp and gives it one comparator: T_k = T_k^ideal + (D_k + V_offset) / a_V.

    The comparator's offset comes after calibration, which measures the ramp that all columns share.

    Args:
        key: the chip's key.
        params: traced parameters.
        structure: static structure.

    Returns:
        The converter; its arrays are padded as `params.target.valid` says.
    """
    ramp = sample_ramp(key, params, structure)
    offset_V = jnp.zeros_like(params.scale_V)
    if structure.comparator_offset:
        offset_V = sample_offset_V(jax.random.fold_in(key, _OFFSET), params.comparator)
    thresholds = params.target.thresholds + (ramp.deviation_V + offset_V) / params.scale_V
    return Column(ramp.g_uS, params.v_target_V + ramp.deviation_V, thresholds, ramp.sigma_V / params.scale_V)


def sample_ramp(key: Key[Array, ""], params: ConverterParams, structure: ColumnStructure) -> Ramp:
    """Programs, corrects and selects one ramp column.

    A redundant column is selected by the worst INL that its measurement shows; the true one is returned.
    """
    if structure.n_redundant == 1:
        g_uS, deviation_V, _ = _candidate(key, 0, params, structure)
    else:
        indices = jnp.arange(structure.n_redundant)
        g_uS, deviation_V, seen = jax.vmap(lambda index: _candidate(key, index, params, structure))(indices)
        # A one-hot sum, not a gather: under vmap a gather of whole rows is slow on CPU.
        chosen = jax.nn.one_hot(jnp.argmin(seen), structure.n_redundant, dtype=g_uS.dtype)[:, None]
        g_uS, deviation_V = jnp.sum(g_uS * chosen, axis=0), jnp.sum(deviation_V * chosen, axis=0)
    return Ramp(g_uS, deviation_V, read_noise_V(g_uS, params))


def _candidate(
    key: Key[Array, ""], index: Int[Array, ""] | int, params: ConverterParams, structure: ColumnStructure
) -> tuple[Array, Array, Array]:
    """One of the redundant columns: its conductances, its corrected ramp's deviation, and worst INL as measured."""

    def stream(source: int) -> Key[Array, ""]:
        return jax.random.fold_in(jax.random.fold_in(key, source), index)

    device, ramp, calibration, target = params.device, params.ramp, params.calibration, params.target
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
    true_V = measured_V = ramp_deviation_V(ramp, g_uS, params.g_target_uS)
    if z_after is not None:
        seen_uS = g_uS + measurement_error_uS(z_after, g_uS, device, calibration)
        measured_V = ramp_deviation_V(ramp, seen_uS, params.g_target_uS)
    corrected_V = correct_ramp(true_V, measured_V, params.v_target_V, calibration)
    seen_V = correct_ramp(measured_V, measured_V, params.v_target_V, calibration)
    # Only selection looks at this number; where there is none, the compiler drops it.
    worst = max_inl_lsb(realise(target.thresholds + seen_V / params.scale_V, target), target)
    return g_uS, corrected_V, worst


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
        thresholds: realised thresholds, ascending, without padding: `column.thresholds[: len(target.thresholds)]`.
        codes: the code of each bin, one more than thresholds: `design.target.codes`.
    """
    return codes[jnp.sum(x[..., None] >= thresholds, axis=-1)]
