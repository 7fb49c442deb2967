"""The converter whose conductances are known, because they were measured; everything else of it is typical.

Typical: every error that is the same on all chips has its value (mean injection and offset, lost time, gain, leakage,
settling, delay), every one that differs from chip to chip is 0. The ramp, its corrections and what the comparator sees
of it are those of `ramp_column`; nothing is drawn. Conductances are taken as they are now: they do not age any more.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from rampjax.circuit.comparator import Front, column_thresholds
from rampjax.circuit.programming import Draw, draw_programming, program
from rampjax.circuit.ramp import (
    Conditions,
    RampErrors,
    RampParams,
    Slots,
    add_entry,
    deviation_of,
    ideal_slots,
    ramp_deviation_V,
    real_slots,
    start_ramp,
    volts_per_uS,
)
from rampjax.circuit.ramp_column import noise_V
from rampjax.circuit.seen import at_levels, held_ramp, seen_ramp
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.metrics import max_inl_lsb, realise


class KnownColumn(NamedTuple):
    """What a column realises with known conductances."""

    ahead_V: Float[Array, " entry"]  # deviation of the ramp ahead of each entry, uncorrected, referred
    measured_V: Float[Array, " level"]  # the same at its levels
    thresholds: Float[Array, " threshold"]  # where the comparator flips, in x
    n_rises: Int[Array, " threshold"]  # how often the ramp has risen by then: a bin between equal ones is none
    sigma_x: Float[Array, " threshold"]  # standard deviation of each from conversion to conversion, in x


def typical_errors(ramp: RampParams, n_taps: int) -> RampErrors:
    """The errors of a typical chip: each has its mean.

    Args:
        ramp: the ramp's parameters.
        n_taps: number of pulse widths on the grid.
    """
    zero = jnp.zeros_like(ramp.c_int_fF)
    return RampErrors(
        c_int_rel=zero,
        v_read_rel=zero,
        v_os_V=ramp.v_os_V,
        q_inj_fC=ramp.q_inj_fC,
        t_loss_ns=ramp.t_loss_ns,
        gradient_rel=zero,
        tap_ns=jnp.zeros(n_taps, zero.dtype),
    )


def known_column(g_uS: Float[Array, " entry"], params: ConverterParams, structure: ColumnStructure) -> KnownColumn:
    """The thresholds of a typical column with these conductances, corrected as its calibration says.

    The correction is computed from the very conductances: they are what was measured of the ramp.

    Args:
        g_uS: conductances, padded as `params.g_target_uS` is, with 0.
        params: traced parameters.
        structure: static structure.
    """
    n_bias, slots = structure.n_bias, _slots(params, params.calibrated, structure)
    ahead_V = ramp_deviation_V(g_uS, slots)
    measured_V = at_levels(ahead_V[n_bias:], params, structure)
    used = _slots(params, params.operating, structure) if structure.changed_conditions else slots
    seen = seen_ramp(held_ramp(g_uS, measured_V, used, params, structure), params, structure)
    deviation_V, n_rises = seen.deviation_V, seen.n_rises
    chance_V2 = seen.chance_V2 if seen.undecided_V is None else seen.undecided_V**2
    sigma_V = noise_V(g_uS, None, chance_V2, params, structure)
    aim_x, v_target_V = params.aim_x, params.v_target_V
    if structure.subset:
        chosen = (deviation_V, n_rises, sigma_V, aim_x, v_target_V)
        deviation_V, n_rises, sigma_V, aim_x, v_target_V = (each[params.level_of] for each in chosen)
    thresholds = aim_x + deviation_V / params.scale_V
    if structure.front:
        ends = (jnp.asarray(params.target.spline.x_lo), jnp.asarray(params.target.spline.x_hi))
        zero = jnp.zeros_like(params.scale_V)
        u = params.common.referred
        thresholds = column_thresholds(
            deviation_V, v_target_V, aim_x, Front(zero, zero, zero), params.front, params.scale_V, u, ends
        )
    return KnownColumn(ahead_V, measured_V, thresholds, n_rises, sigma_V / params.scale_V)


@partial(jax.jit, static_argnums=2)
def known_columns(
    g_uS: Float[Array, "column entry"], params: ConverterParams, structure: ColumnStructure
) -> KnownColumn:
    """`known_column` of several columns at once.

    Args:
        g_uS: conductances of each column.
        params: traced parameters.
        structure: static structure.
    """
    return jax.vmap(lambda each: known_column(each, params, structure))(g_uS)


@partial(jax.jit, static_argnums=(5, 6))
def reprogrammed_inl_lsb(
    key: Key[Array, ""],
    chosen: Bool[Array, " entry"],
    aim_uS: Float[Array, " entry"],
    g_uS: Float[Array, " entry"],
    params: ConverterParams,
    structure: ColumnStructure,
    n_draws: int,
) -> Float[Array, " draw"]:
    """Worst INL of a column some of whose devices are programmed anew, with the error of each programming event.

    They are programmed in order, and each is measured before the next is aimed, which takes back what the ones before
    have missed. The measurement is taken as noise-free.

    Args:
        key: of all draws.
        chosen: devices that are programmed anew.
        aim_uS: their aims, and the present conductances of all others.
        g_uS: present conductances, padded with 0.
        params: traced parameters.
        structure: static structure.
        n_draws: how many times.
    """

    def once(own: Array) -> Array:
        draw = draw_programming(own, jax.random.fold_in(own, 0), g_uS.shape, structure.write_scheme, params.device)
        now_uS = _program_in_order(draw, chosen, aim_uS, g_uS, params, structure)
        thresholds = known_column(now_uS, params, structure).thresholds
        return max_inl_lsb(realise(thresholds, params.target), params.target)

    drawn: Array = jax.lax.map(once, jax.random.split(key, n_draws), batch_size=min(n_draws, 64))
    return drawn


def _program_in_order(
    draw: Draw, chosen: Array, aim_uS: Array, g_uS: Array, params: ConverterParams, structure: ColumnStructure
) -> Array:
    """Programs the chosen devices in order, each aim less what the ramp is then off from the plan, as measured."""
    device, slots = params.device, _slots(params, params.calibrated, structure)
    gain = volts_per_uS(params.ramp)
    safe_gain = jnp.where(gain != 0, gain, 1.0)

    def step(ahead: tuple, inputs: tuple) -> tuple[tuple, Array]:
        planned, real = ahead
        one, choose, aim, present, slot, safe = inputs
        missed_V = deviation_of(real) - deviation_of(planned)
        wanted_uS = jnp.clip(aim - missed_V / safe, device.g_min_uS, device.g_max_uS)
        reached_uS, _ = program(one, wanted_uS, None, device, params.programming, structure.write_scheme)
        now_uS = jnp.where(choose, reached_uS, present)
        return (add_entry(planned, aim, slot), add_entry(real, now_uS, slot)), now_uS

    start = start_ramp(slots)
    now_uS: Array = jax.lax.scan(step, (start, start), (draw, chosen, aim_uS, g_uS, slots, safe_gain))[1]
    return now_uS


def _slots(params: ConverterParams, conditions: Conditions, structure: ColumnStructure) -> Slots:
    if not structure.n_taps:
        return ideal_slots(params.ramp, params.g_target_uS)
    errors = typical_errors(params.ramp, structure.n_taps)
    return real_slots(params.ramp, params.g_target_uS, errors, conditions, structure.leaky, structure.settles)
