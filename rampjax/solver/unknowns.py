"""From the unknowns of a layout to the parameters of a column, traced: what the descent differentiates.

Unknowns are the charge per unit of x (its logarithm), the pulse width of every step (its logarithm, in grains of the
pulse grid) and the aim of every level (in local steps, beside its threshold). Conductances follow from the charge
balance, so that they stay inside the device's range by holding every pulse between the shortest and the longest that
the range allows.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rampjax.circuit.structure import ConverterParams

LEAST_STEP = 0.1  # of a step, however far its ends are aimed beside their thresholds
MOST_SHIFT = 20.0  # local steps


class Unknowns(NamedTuple):
    """What the descent moves; all dimensionless."""

    log_charge: Float[Array, ""]  # ln of the charge per unit of x, fC
    log_grains: Float[Array, " step"]  # ln of the pulse widths in grains
    shift: Float[Array, " level"]  # aim beside the threshold, in local steps


class Frame(NamedTuple):
    """What surrounds the unknowns of one start, traced: limits, freedom, the levels, the devices of each step."""

    levels: Float[Array, " level"]  # thresholds of the column, in x, padded
    local: Float[Array, " level"]  # local step in x
    is_step: Bool[Array, " step"]  # False in the padding
    n_devices: Float[Array, " step"]
    step_of: Int[Array, " entry"]  # which step each entry beyond the bias devices belongs to
    rank: Float[Array, " entry"]  # which of the step's devices it is, from 0
    is_entry: Bool[Array, " entry"]
    g_min_uS: Float[Array, ""]
    g_max_uS: Float[Array, ""]
    grain_fC_uS: Float[Array, ""]  # charge per µS in one grain: v_read t_clk / R
    grain_ns: Float[Array, ""]
    clock_grains: Float[Array, ""]  # grains per clock
    least_grains: Float[Array, ""]
    most_grains: Float[Array, ""]
    v_window_V: Float[Array, ""]
    c_int_fF: Float[Array, ""]  # 0: whatever makes the ramp fit its window
    log_charge_range: Float[Array, "2"]
    supports: Float[Array, "2"]  # between these x inputs occur
    n_bias: Float[Array, ""]
    t_bias_ns: Float[Array, ""]
    free_charge: Float[Array, ""]  # 1, or 0 where frozen
    free_grains: Float[Array, ""]


class Pulses(NamedTuple):
    """The layout that unknowns stand for."""

    charge_fC: Float[Array, ""]  # per unit of x
    grains: Float[Array, " step"]
    g_uS: Float[Array, " step"]  # of each device; 0 in the padding
    aim_x: Float[Array, " level"]


def aims_of(unknowns: Unknowns, frame: Frame) -> Float[Array, " level"]:
    """Aims of the ramp in x: thresholds and shifts, ascending by at least a tenth of each step."""
    aims = frame.levels + jnp.clip(unknowns.shift, -MOST_SHIFT, MOST_SHIFT) * frame.local
    # What is missing to a least step, and only that, is added: an aim right at its threshold stays there exactly.
    missing = jnp.maximum(LEAST_STEP * jnp.diff(frame.levels) - jnp.diff(aims), 0.0)
    return aims + jnp.concatenate([jnp.zeros_like(aims[:1]), jnp.cumsum(missing)])


def pulses_of(unknowns: Unknowns, frame: Frame, rounding: Float[Array, ""]) -> Pulses:
    """The layout of unknowns; with `rounding` 1 the widths are whole grains, with 0 any.

    Args:
        unknowns: of one start.
        frame: what surrounds them.
        rounding: how far widths are moved to the nearest whole grain that the range of conductances allows.
    """
    aim_x = aims_of(unknowns, frame)
    log_charge = jnp.clip(unknowns.log_charge, frame.log_charge_range[0], frame.log_charge_range[1])
    rises = jnp.where(frame.is_step, jnp.diff(aim_x), 1.0)
    # What the first step can make at most; aiming it narrower leaves more to all others.
    most_fC = frame.g_max_uS * frame.most_grains * frame.grain_fC_uS * frame.n_devices / rises
    charge_fC = jnp.minimum(jnp.exp(log_charge), jnp.min(jnp.where(frame.is_step, most_fC, jnp.inf)))
    total_uS = jnp.where(frame.is_step, charge_fC * rises / (frame.grain_fC_uS * frame.n_devices), 1.0)
    shortest = jnp.maximum(total_uS / frame.g_max_uS, frame.least_grains)
    longest = jnp.minimum(total_uS / jnp.maximum(frame.g_min_uS, 1e-9), frame.most_grains)
    free = jnp.exp(unknowns.log_grains)
    held = jax.lax.stop_gradient(free)
    # A width at its limit follows the limit, and keeps a slope of its own, so that it can come away from there.
    grains = jnp.minimum(jnp.maximum(held, shortest), longest) + (free - held)
    whole = jnp.clip(jnp.round(grains), jnp.ceil(shortest * (1 - 1e-5)), jnp.floor(longest * (1 + 1e-5)))
    grains = grains + rounding * jax.lax.stop_gradient(whole - grains)
    return Pulses(charge_fC, grains, jnp.where(frame.is_step, total_uS / grains, 0.0), aim_x)


def column_params(pulses: Pulses, frame: Frame, base: ConverterParams) -> ConverterParams:
    """The parameters of the column that has this layout.

    Args:
        pulses: the layout.
        frame: what surrounds it.
        base: parameters of any layout of the same problem.
    """
    n_bias = base.g_target_uS.shape[0] - frame.step_of.shape[0]
    reach = jnp.max(jnp.abs(pulses.aim_x))
    free_c = frame.c_int_fF == 0
    scale_V = jnp.where(free_c, frame.v_window_V / reach, pulses.charge_fC / jnp.where(free_c, 1.0, frame.c_int_fF))
    c_int_fF = pulses.charge_fC / scale_V
    v_V = scale_V * pulses.aim_x
    t_ns = pulses.grains * frame.grain_ns
    clocks = jax.lax.stop_gradient(jnp.ceil(pulses.grains / frame.clock_grains * (1 - 1e-5)))
    taps = jax.lax.stop_gradient(jnp.round(pulses.grains)).astype(jnp.int32) - 1
    bias_uS = jnp.abs(v_V[0]) * c_int_fF / (jnp.maximum(frame.n_bias, 1.0) * base.ramp.v_read_V * frame.t_bias_ns)

    def entries(bias: Array, steps: Array) -> Array:
        of_steps = jnp.where(frame.is_entry, steps[frame.step_of], jnp.zeros((), steps.dtype))
        return jnp.concatenate([jnp.broadcast_to(bias, (n_bias,)).astype(steps.dtype), of_steps])

    rise_V = jnp.diff(v_V) / frame.n_devices
    before_V = (v_V[:-1])[frame.step_of] + frame.rank * rise_V[frame.step_of]
    ramp = base.ramp._replace(
        c_int_fF=c_int_fF,
        t_pulse_ns=entries(frame.t_bias_ns, t_ns),
        sign=jnp.concatenate([jnp.broadcast_to(jnp.sign(v_V[0]), (n_bias,)), base.ramp.sign[n_bias:]]),
        tap=entries(base.ramp.tap[0], taps),
        n_clk=jnp.concatenate([base.ramp.n_clk[:n_bias], _steps_only(frame, clocks, frame.rank == 0)]),
        v_before_V=jnp.concatenate(
            [v_V[0] * jnp.arange(n_bias) / max(n_bias, 1), jnp.where(frame.is_entry, before_V, 0.0)]
        ),
    )
    timing = base.timing
    if timing.n_clk is not None:
        timing = timing._replace(n_clk=clocks)
    return base._replace(
        ramp=ramp,
        timing=timing,
        g_target_uS=entries(bias_uS, pulses.g_uS),
        v_target_V=v_V,
        aim_x=pulses.aim_x,
        scale_V=scale_V,
    )


def _steps_only(frame: Frame, steps: Array, first: Array) -> Array:
    return jnp.where(frame.is_entry & first, steps[frame.step_of], 0.0)
