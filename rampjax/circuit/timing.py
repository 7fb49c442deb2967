"""Timing: what the comparator sees of the held ramp, and when it decides.

At the end of each step's clocks an ideal hold, one for all columns, takes the integrator's output (see
`circuit.integrator`). A one-pole pre-amplifier follows this staircase. A constant delay and a latch that regenerates
come after it.

Continuous-time: regeneration begins where the pre-amplifier's output crosses the input, tau_p ln(M/a) after a level is
held that lies a above the input in the end and M above the output when it is held. From there the latch needs
tau ln(v_logic (tau + tau_p) / (a tau)), since its overdrive is still growing, and less where the levels that follow
drive it further: a small overdrive decides late. Strobed: the
pre-amplifier's output is sampled at the end of each level, and decided within the next clock; an overdrive too small
for that leaves the latch undecided (metastable).

References: regeneration time of a latch, e.g. Razavi, Principles of Data Conversion System Design (1995), chapter 8:
t = tau ln(V_logic/V_overdrive). With a pre-amplifier: v' = v/tau + a/tau_p exp(-t/tau_p) from the
crossing on, whose growing part is a tau/(tau + tau_p) exp(t/tau); the latch is linear, so that levels add up. Left
out: kick-back, hysteresis, noise during regeneration.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from rampjax.circuit.blocks import Comparator

MAX_LATE = 64  # counts by which a decision may be late
NEVER_V = 1e6  # an overdrive that nothing has; finite, so that products with 0 are 0
_SMALLEST_V = 1e-7  # overdrives below this need not be told apart


class TimingParams(NamedTuple):
    """The traced part of timing."""

    decay: Float[Array, ""]  # of what the pre-amplifier's pole leaves, per clock; 0: nothing
    required_V: Float[Array, " lateness"]  # overdrive that decides within so many counts, actual volts, less a power
    settled_V: Float[Array, " lateness"]  # the same where the pre-amplifier had no lag
    lag_power: Float[Array, ""]  # power of its lag (V) by which the former is multiplied: tau_p / (tau + tau_p)
    undecided_V: Float[Array, ""]  # strobed: overdrive below which the latch stays undecided, actual volts
    n_clk: Float[Array, " step"] | None = None  # clocks that each step takes; None: one


def required_overdrive_V(comparator: Comparator, speed: float, t_clk_ns: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Overdrive that decides within m = 0, 1, 2, ... counts, V; `NEVER_V` below the constant delay.

    Of a level that the pre-amplifier is M behind when it is held: F_m M^p, as long as that is at most M, with
    p = tau_p / (tau + tau_p) and F_m = (v_logic (tau + tau_p) / tau)^(1 - p) exp(-(m t_clk - t_delay) / (tau + tau_p));
    beyond, S_m + p M with S_m = v_logic exp(-(m t_clk - t_delay) / tau), the latch having begun with the level.

    Args:
        comparator: delay, pre-amplifier, regeneration and logic swing.
        speed: factor of the process corner on its times.
        t_clk_ns: clock period, ns.

    Returns:
        F and S, so many entries that the last one is negligible, or one for each of `MAX_LATE` counts; p.
    """
    times_ns = (comparator.t_delay_ns, comparator.tau_latch_ns, comparator.tau_preamp_ns)
    delay_ns, tau_ns, preamp_ns = (time_ns * speed for time_ns in times_ns)
    spare_ns = np.arange(MAX_LATE + 1) * t_clk_ns - delay_ns
    # A delay of whole clocks must not miss its count by rounding.
    spare_ns = np.where(np.abs(spare_ns) < 1e-9 * t_clk_ns, 0.0, spare_ns)
    both_ns = tau_ns + preamp_ns
    power = preamp_ns / both_ns if both_ns > 0 else 0.0
    swing = (comparator.v_logic_V * both_ns / tau_ns) ** (1 - power) if tau_ns > 0 else 1.0
    required = swing * _decayed(spare_ns, both_ns)
    settled = comparator.v_logic_V * _decayed(spare_ns, tau_ns)
    enough = np.flatnonzero(np.maximum(required, settled) < _SMALLEST_V)
    n = 1 << int(enough[0]).bit_length() if enough.size else len(required)
    # A power of two, so that few lengths compile a kernel of their own; what is added never decides.
    pad = (0, max(n - len(required), 0))
    return np.pad(required[:n], pad, mode="edge"), np.pad(settled[:n], pad, mode="edge"), power


def _decayed(spare_ns: np.ndarray, tau_ns: float) -> np.ndarray:
    """exp(-spare/tau), 0 where tau is; `NEVER_V` where there is no time to spare."""
    left = np.exp(-np.maximum(spare_ns, 0.0) / tau_ns) if tau_ns > 0 else np.zeros(len(spare_ns))
    return np.where(spare_ns >= 0, left, NEVER_V)


def removed_counts(comparator: Comparator, t_clk_ns: float) -> int:
    """Whole clocks by which the counter starts later: the delay of a typical chip; for a latch or pre-amplifier one."""
    counts = math.ceil(comparator.t_delay_ns / t_clk_ns - 1e-9)
    return max(counts, 1 if comparator.tau_latch_ns > 0 or comparator.tau_preamp_ns > 0 else 0)


def preamp_lag_V(
    rise_V: Float[Array, " level"], timing: TimingParams
) -> tuple[Float[Array, " level"], Float[Array, " level"]]:
    """How far the pre-amplifier is behind the staircase when each level is held, and when the next one is, V.

    M_{k+1} = M_k exp(-n t_clk/tau_p) + dS_k, from rest at the first level; a level is held while the next step is made,
    the last one for one clock.

    Args:
        rise_V: of the held staircase S since the level before, V; 0 at the first.
        timing: the pole.
    """
    steps_V = rise_V[1:]
    zero = jnp.zeros_like(steps_V[:1])
    if timing.n_clk is None:
        decay = jnp.full_like(steps_V, timing.decay)
    else:
        decay = timing.decay ** jnp.concatenate([timing.n_clk[1:], jnp.ones_like(timing.n_clk[:1])])

    def follow(remains_V: Array, level: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        step_V, left = level
        lag_V = remains_V + step_V
        return lag_V * left, (lag_V, lag_V * left)

    _, (lag_V, remains_V) = jax.lax.scan(follow, zero[0], (steps_V, decay))
    return jnp.concatenate([zero, lag_V]), jnp.concatenate([zero, remains_V])


def decided_V(
    deviation_V: Float[Array, " threshold"],
    v_target_V: Float[Array, " threshold"],
    lag_V: tuple[Float[Array, " threshold"], Float[Array, " threshold"]] | None,
    timing: TimingParams,
    referred: Float[Array, ""],
    n_removed: int,
    last: Array,
) -> Float[Array, " threshold"]:
    """Continuous-time: the level below which inputs have been decided by each count, as a deviation, V.

    W_j = max_m (V_{j-m} - needed_m): by count j an input is decided if the overdrive of the level that first passed it
    suffices in the time since, with what the levels after it have added: a rise dV in m counts makes
    dV (1 - p) exp((m t_clk - t_delay) / tau) of the swing. The counter starts `n_removed` counts later; after the last
    step the ramp holds.

    Args:
        deviation_V: of the held staircase, V.
        v_target_V: the ideal ramp, V.
        lag_V: how far the pre-amplifier is behind when each level is held, and when the next one is, V; None: there is
            none.
        timing: what decides within m counts, see `required_overdrive_V`.
        referred: actual volts per volt of the ramp.
        n_removed: counts by which the counter starts later.
        last: index of the last threshold.
    """
    seen_V = v_target_V + deviation_V
    k = jnp.arange(seen_V.shape[0])
    # Before the first step nothing has been crossed: a whole ramp below its start, and finite.
    before_V = seen_V[0] - (seen_V[last] - seen_V[0])
    best_V = jnp.full_like(seen_V, -jnp.inf)
    rise_V = jnp.concatenate([jnp.zeros_like(seen_V[:1]), jnp.diff(seen_V)])
    made = jnp.zeros_like(seen_V)  # share of the swing that later levels have made
    for m in range(timing.required_V.shape[0]):
        index = k + n_removed - m
        held = jnp.clip(index, 0, last)
        level_V = jnp.where(index < 0, before_V, seen_V[held])
        missing = jnp.maximum(1.0 - made, 0.0)
        needed_V = _needed_V(None if lag_V is None else lag_V[0][held], missing, timing, referred, m)
        if lag_V is not None:
            # What is crossed only while the next level is held is that level's to decide.
            needed_V = jnp.where(held < last, jnp.maximum(needed_V, lag_V[1][held]), needed_V)
        best_V = jnp.maximum(best_V, level_V - needed_V)
        grows = (index == held) & (timing.settled_V[m] > 0)
        share = (1.0 - timing.lag_power) * referred / jnp.where(timing.settled_V[m] > 0, timing.settled_V[m], 1.0)
        made = made + jnp.where(grows, rise_V[held] * share, 0.0)
    return best_V - v_target_V


def _needed_V(lag_V: Array | None, missing: Array, timing: TimingParams, referred: Array, m: int) -> Array:
    """Overdrive that a level needs to decide within m counts, in the volts of the ramp.

    `missing` is the share of the swing that is left to it.
    """
    if lag_V is None:
        return timing.settled_V[m] * missing / referred
    behind = (lag_V > 0) & (missing > 0)
    actual_V = jnp.where(behind, lag_V, 1.0) * referred  # a power has no slope at 0
    left = jnp.where(behind, missing, 1.0)
    crossing_V = timing.required_V[m] * actual_V**timing.lag_power * left ** (1.0 - timing.lag_power)
    begun_V = timing.settled_V[m] * missing + timing.lag_power * jnp.where(behind, actual_V, 0.0)
    return jnp.where(behind & (crossing_V <= actual_V), crossing_V, begun_V) / referred
