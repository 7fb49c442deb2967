"""A ramp in use: as it is held and corrected, and what comparators make of it."""

import jax
from jaxtyping import Array, Float

from rampjax.circuit.calibration import correct_ramp
from rampjax.circuit.ramp import Slots, ramp_and_lag_V
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.circuit.timing import decided_V, preamp_lag_V


def at_levels(before_V: Float[Array, " entry"], params: ConverterParams, structure: ColumnStructure) -> Array:
    """What a ramp has at its levels, of what it has before every step device.

    Args:
        before_V: before each device of the steps, without those of the start.
        params: traced parameters.
        structure: static structure.
    """
    return before_V[params.entry_of] if structure.parallel else before_V


def held_V(
    g_uS: Float[Array, " entry"],
    measured_V: Float[Array, " level"],
    slots: Slots,
    params: ConverterParams,
    structure: ColumnStructure,
) -> Float[Array, " level"]:
    """The deviation of the held and corrected ramp from what it aims at, referred volts.

    Measured is the settled ramp; what is held, and then corrected, lags behind it.

    Args:
        g_uS: conductances in use.
        measured_V: deviation of the ramp as measured for its correction, V.
        slots: the entries at the conditions of use.
        params: traced parameters.
        structure: static structure.
    """
    used_V, lag_V = ramp_and_lag_V(g_uS, slots, structure.n_bias)
    used_V = at_levels(used_V if lag_V is None else used_V - lag_V, params, structure)
    corrected_V = correct_ramp(used_V, measured_V, params.v_target_V, params.calibration)
    if structure.changed_conditions:
        corrected_V = corrected_V * params.follow + (params.follow - 1.0) * params.v_target_V
    return corrected_V


def seen_V(
    deviation_V: Float[Array, " level"], params: ConverterParams, structure: ColumnStructure
) -> Float[Array, " level"]:
    """The deviation of the ramp at which comparators flip, V.

    Args:
        deviation_V: of the held staircase from what the ramp aims at, referred.
        params: traced parameters.
        structure: static structure.
    """
    lag_V = None
    if structure.lag:
        lag_V = preamp_lag_V(deviation_V, params.v_target_V, params.timing)
        if not structure.continuous:
            deviation_V = deviation_V - lag_V[1]
    if structure.n_taps or structure.lag:
        # A ramp that runs backwards is crossed at the first level that reaches the input.
        deviation_V = jax.lax.cummax(params.v_target_V + deviation_V) - params.v_target_V
    if structure.continuous:
        deviation_V = decided_V(
            deviation_V,
            params.v_target_V,
            lag_V,
            params.timing,
            params.common.referred,
            structure.n_removed,
            params.calibration.last,
        )
    return deviation_V
