"""What comparators make of a held ramp: pre-amplifier, first crossing, late decisions."""

import jax
from jaxtyping import Array, Float

from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.circuit.timing import decided_V, preamp_lag_V


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
        lag_V, remains_V = preamp_lag_V(deviation_V, params.v_target_V, params.timing)
        if not structure.continuous:
            deviation_V = deviation_V - remains_V
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
