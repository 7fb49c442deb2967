"""A ramp in use: as it is held and corrected, and what comparators make of it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rampjax.circuit.calibration import correct_ramp, correction_gain_less_1
from rampjax.circuit.ramp import Slots, ramp_before
from rampjax.circuit.strobe import first_crossing, undecided_crossing
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.circuit.timing import decided_V, preamp_lag_V
from rampjax.metrics import root

# Of a continuous-time comparator bins below this share of the ramp are none: what late decisions leave of a step that
# the ramp does not make shrinks without end.
_LATE_WIDTH = 1e-6


class Held(NamedTuple):
    """The held and corrected ramp, referred."""

    deviation_V: Float[Array, " level"]  # from what it aims at
    rise_V: Float[Array, " level"]  # since the level before; 0 at the first. No difference of two levels


class Seen(NamedTuple):
    """The ramp at which comparators flip, referred."""

    deviation_V: Float[Array, " level"]  # from what it aims at, its mean where decisions are chance
    n_rises: Int[Array, " level"]  # how often it has risen above all levels before; a bin between equal ones is none
    chance_V2: Float[Array, " level"] | None  # variance of what is drawn anew at each strobe; None: nothing is
    undecided_V: Float[Array, " level"] | None  # flips this much early or late, evenly, where a latch is undecided


def at_levels(before_V: Float[Array, " entry"], params: ConverterParams, structure: ColumnStructure) -> Array:
    """What a ramp has at its levels, of what it has before every step device.

    Args:
        before_V: before each device of the steps, without those of the start.
        params: traced parameters.
        structure: static structure.
    """
    return before_V[params.entry_of] if structure.parallel else before_V


def _rises_at_levels(rise_V: Array, params: ConverterParams, structure: ColumnStructure) -> Array:
    """What a ramp rises from level to level, of what it rises from device to device."""
    if not structure.parallel:
        return rise_V
    # The first level from which no earlier device starts; levels of the padding all start from the last one.
    level_of = jnp.searchsorted(params.entry_of, jnp.arange(rise_V.shape[0]))
    return jax.ops.segment_sum(rise_V, level_of, params.entry_of.shape[0])


def held_ramp(
    g_uS: Float[Array, " entry"],
    measured_V: Float[Array, " level"],
    slots: Slots,
    params: ConverterParams,
    structure: ColumnStructure,
) -> Held:
    """The held and corrected ramp.

    Measured is the settled ramp; what is held, and then corrected, lags behind it.

    Args:
        g_uS: conductances in use.
        measured_V: deviation of the ramp as measured for its correction, V.
        slots: the entries at the conditions of use.
        params: traced parameters.
        structure: static structure.
    """
    before = ramp_before(g_uS, slots, structure.n_bias)
    used_V, rise_V = before.deviation_V, _rises_at_levels(before.rise_V, params, structure)
    if before.lag_V is not None:
        used_V = used_V - before.lag_V
        lag_V = at_levels(before.lag_V, params, structure)
        rise_V = rise_V - jnp.diff(lag_V, prepend=lag_V[:1])
    used_V = at_levels(used_V, params, structure)
    corrected_V = correct_ramp(used_V, measured_V, params.v_target_V, params.calibration)
    rise_V = rise_V * (1.0 + correction_gain_less_1(measured_V, params.v_target_V, params.calibration))
    if structure.changed_conditions:
        corrected_V = corrected_V * params.follow + (params.follow - 1.0) * params.v_target_V
        rise_V = rise_V * params.follow
    return Held(corrected_V, rise_V)


def seen_ramp(held: Held, params: ConverterParams, structure: ColumnStructure) -> Seen:
    """The ramp at which comparators flip.

    Args:
        held: the held staircase.
        params: traced parameters.
        structure: static structure.
    """
    deviation_V, rise_V = held
    lag_V = None
    if structure.lag:
        lag_V = preamp_lag_V(rise_V, params.timing)
        if not structure.continuous:
            deviation_V = deviation_V - lag_V[1]
            # What a step has left and the next one adds, less what that leaves.
            rise_V = lag_V[0] - lag_V[1]
    raw_V = deviation_V
    if structure.n_taps or structure.lag or structure.strobe_noise:
        # A ramp that runs backwards is crossed at the first level that reaches the input.
        deviation_V = jax.lax.cummax(params.v_target_V + deviation_V) - params.v_target_V
    if structure.continuous:
        return _late(deviation_V, lag_V, params, structure)
    n_rises = count_rises(rise_V)
    window_V = params.timing.undecided_V / params.common.referred
    two_sided = structure.undecided in ("neighbour", "mixture")
    if structure.strobe_noise:
        own = window_V if two_sided else None
        crossing = first_crossing(raw_V, deviation_V, params.v_target_V, params.noise.sigma_strobe_V, own)
        return Seen(deviation_V + crossing.shift_V, n_rises, crossing.variance_V2, None)
    if two_sided:
        crossing = undecided_crossing(deviation_V, params.v_target_V, window_V)
        return Seen(deviation_V + crossing.shift_V, n_rises, None, root(crossing.variance_V2))
    return Seen(deviation_V, n_rises, None, None)


def _late(
    deviation_V: Array, lag_V: tuple[Array, Array] | None, params: ConverterParams, structure: ColumnStructure
) -> Seen:
    """What a comparator in continuous time makes of a ramp that only rises."""
    deviation_V = decided_V(
        deviation_V,
        params.v_target_V,
        lag_V,
        params.timing,
        params.common.referred,
        structure.n_removed,
        params.calibration.last,
    )
    flips_V = params.v_target_V + deviation_V
    wide = jnp.diff(flips_V) > _LATE_WIDTH * (flips_V[params.calibration.last] - flips_V[0])
    n_rises = jnp.cumsum(jnp.concatenate([jnp.zeros_like(wide[:1]), wide]).astype(jnp.int32))
    return Seen(deviation_V, n_rises, None, None)


def count_rises(rise_V: Float[Array, " level"]) -> Int[Array, " level"]:
    """How often a ramp has risen above all its levels before, at each level: decided on its steps, not on sums.

    A level is new where what the ramp is below its highest one so far, d <= 0, and its rise come to more than 0:
    d_{k+1} = min(d_k + rise_{k+1}, 0).

    Args:
        rise_V: rise of each level above the one before, V; 0 at the first.
    """

    def climb(below_V: Array, rise_V: Array) -> tuple[Array, Array]:
        above_V = below_V + rise_V
        return jnp.minimum(above_V, 0.0), above_V > 0

    _, risen = jax.lax.scan(climb, jnp.zeros_like(rise_V[0]), rise_V)
    return jnp.cumsum(risen.astype(jnp.int32))
