"""The ramp: each entry reads one memristor for its pulse, and the integrator adds the charge.

Entries are the bias devices that make the start, if any, then the steps. The charge of one entry, with `sign` -1 for
bias devices that lower the start:

    c_int dV = g' t_eff (sign v_read + v_os - V/A) + q_inj + (v_os - V/A) g_leak t_clk n_clk
    g' = g / (1 + g R),  t_eff = t_pulse - t_loss + delta_tap

with V at the middle of the step (implicit midpoint, which follows the exponential of a leaky integrator to third order
in g t/(A c)). Voltages are referred: divided by the factor that the MAC's voltage has in common with the ramp's (read
voltage, common temperature coefficient, capacitor corner), so that what is ratiometric drops out. Everything is a
deviation from the ideal ramp, whose rounding would swamp small steps in single precision.

References: Yang et al., Nature Communications 16 (2025), doi 10.1038/s41467-025-56254-6: the nonlinear ramp column.
Left out: noise that leaks away again through a finite gain; the array's factor (1 + 1/A), which ramp and MAC share.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from rampjax.circuit.draws import standard_normal

_CHUNK = 32  # sums run in chunks of this many steps: a small triangular product beats `jnp.cumsum`


class RampParams(NamedTuple):
    """The traced part of a ramp column. Entries beyond the design's own have no pulse and so add nothing.

    There are as many steps as levels, at least one of them beyond the design's own.
    """

    v_read_V: Float[Array, ""]  # read voltage
    c_int_fF: Float[Array, ""]  # integration capacitor
    t_clk_ns: Float[Array, ""]
    t_pulse_ns: Float[Array, " entry"]  # read pulse
    sign: Float[Array, " entry"]  # +1, or -1 for bias devices that lower the start
    tap: Int[Array, " entry"]  # which of the pulse widths
    n_clk: Float[Array, " entry"]  # clocks that the entry takes
    row: Float[Array, " entry"]  # place along the column, -1/2 to 1/2; 0 for bias devices
    r_series_MOhm: Float[Array, " entry"]  # access and wire
    v_before_V: Float[Array, " entry"]  # the ideal ramp before the entry
    inverse_gain: Float[Array, ""]  # 1/A
    v_os_V: Float[Array, ""]  # amplifier's offset: mean and, static per chip, spread
    sigma_v_os_V: Float[Array, ""]
    sigma_c_int_rel: Float[Array, ""]  # static, per chip
    sigma_v_read_rel: Float[Array, ""]  # static, per chip
    q_inj_fC: Float[Array, ""]  # injection of each pulse: mean and, static per chip, spread
    sigma_q_inj_fC: Float[Array, ""]
    t_loss_ns: Float[Array, ""]  # lost by each pulse: mean and, static per chip, spread
    sigma_t_loss_ns: Float[Array, ""]
    sigma_tap_ns: Float[Array, ""]  # static, per chip and pulse width
    sigma_gradient_rel: Float[Array, ""]  # static, per chip
    g_leak_uS: Float[Array, ""]  # all unselected rows together
    nonlinearity_per_V2: Float[Array, ""]


class RampErrors(NamedTuple):
    """What is drawn once per ramp column, or once for all its redundant ones."""

    c_int_rel: Float[Array, ""]
    v_read_rel: Float[Array, ""]
    v_os_V: Float[Array, ""]
    q_inj_fC: Float[Array, ""]
    t_loss_ns: Float[Array, ""]
    gradient_rel: Float[Array, ""]
    tap_ns: Float[Array, " tap"]


class Conditions(NamedTuple):
    """The conditions of a ramp, at calibration or in operation."""

    common_rel: Float[Array, ""]  # read current against the nominal one: supply, nonlinearity, common temperature
    v_read_V: Float[Array, ""]  # the read voltage then
    referred: Float[Array, ""]  # u: actual volts per referred volt, common_rel over the capacitor's corner


class Slots(NamedTuple):
    """What each entry adds to the ramp, as a function of its conductance and the ramp so far; see `add_entry`."""

    g_target_uS: Float[Array, "*entry"]
    volts_per_uS: Float[Array, "*entry"]
    errors: "SlotErrors | None" = None  # None: the entries are ideal
    leak: "SlotLeak | None" = None  # None: the amplifier's gain is infinite


class SlotErrors(NamedTuple):
    """What is off in each entry, whatever the ramp so far."""

    excess_V: Float[Array, "*entry"]  # what it adds beyond the ideal at the ideal conductance
    factor: Float[Array, "*entry"]  # conductance gradient
    r_series_MOhm: Float[Array, "*entry"]


class SlotLeak(NamedTuple):
    """How each entry depends on the ramp so far, where the amplifier's gain is finite."""

    per_uS: Float[Array, "*entry"]  # share of the ramp's voltage that leaks away, per µS of the device
    fixed: Float[Array, "*entry"]  # and through the unselected rows
    ideal_V: Float[Array, "*entry"]  # what the entry ideally adds
    v_before_V: Float[Array, "*entry"]  # the ideal ramp before it


def volts_per_uS(ramp: RampParams) -> Float[Array, " entry"]:
    """What 1 µS ideally adds to the ramp: sign v_read t_pulse / c_int, V/µS (fC/fF = V)."""
    return ramp.sign * ramp.v_read_V * ramp.t_pulse_ns / ramp.c_int_fF


def sample_ramp_errors(key: Key[Array, ""], driver_key: Key[Array, ""], ramp: RampParams, n_taps: int) -> RampErrors:
    """Draws the static errors of one ramp column.

    Args:
        key: of its integrator: capacitor, offset, injection.
        driver_key: of what redundant columns share: read voltage, lost time, pulse widths, gradient.
        ramp: their standard deviations.
        n_taps: number of pulse widths on the grid.
    """
    own, shared = standard_normal(key, 3), standard_normal(driver_key, 3 + n_taps)
    return RampErrors(
        c_int_rel=ramp.sigma_c_int_rel * own[0],
        v_os_V=ramp.v_os_V + ramp.sigma_v_os_V * own[1],
        q_inj_fC=ramp.q_inj_fC + ramp.sigma_q_inj_fC * own[2],
        v_read_rel=ramp.sigma_v_read_rel * shared[0],
        t_loss_ns=ramp.t_loss_ns + ramp.sigma_t_loss_ns * shared[1],
        gradient_rel=ramp.sigma_gradient_rel * shared[2],
        tap_ns=ramp.sigma_tap_ns * shared[3:],
    )


def ideal_slots(ramp: RampParams, g_target_uS: Float[Array, " entry"]) -> Slots:
    """The entries of a ramp without errors."""
    return Slots(g_target_uS, volts_per_uS(ramp))


def real_slots(
    ramp: RampParams, g_target_uS: Float[Array, " entry"], errors: RampErrors, conditions: Conditions, leaky: bool
) -> Slots:
    """The entries of a ramp with the errors of one chip, at given conditions.

    Args:
        ramp: the ramp's parameters.
        g_target_uS: ideal conductances, µS.
        errors: what was drawn for this ramp.
        conditions: supply and temperature.
        leaky: the amplifier's gain is finite.
    """
    pulsed = ramp.t_pulse_ns > 0
    tap_ns = jnp.take(errors.tap_ns, ramp.tap)
    change_ns = jnp.where(pulsed, jnp.maximum(tap_ns - errors.t_loss_ns, -ramp.t_pulse_ns), 0.0)
    t_eff_ns = ramp.t_pulse_ns + change_ns
    beta, w_V = ramp.nonlinearity_per_V2, conditions.v_read_V
    own = 1.0 + errors.v_read_rel
    bend_less_1 = beta * w_V**2 * (own**2 - 1.0) / (1.0 + beta * w_V**2)
    rho_less_1 = errors.v_read_rel + own * bend_less_1
    drive_less_1 = rho_less_1 + ramp.sign * errors.v_os_V / (conditions.common_rel * ramp.v_read_V)
    c_fF = ramp.c_int_fF * (1.0 + errors.c_int_rel)
    gain = ramp.sign * ramp.v_read_V * t_eff_ns * (1.0 + drive_less_1) / c_fF
    # gain - ideal gain, term by term: a difference of nearly equal numbers would be all rounding.
    per_clock = ramp.sign * ramp.v_read_V / c_fF
    gain_excess = per_clock * (change_ns + t_eff_ns * drive_less_1 - ramp.t_pulse_ns * errors.c_int_rel)
    leak_ns = ramp.g_leak_uS * ramp.n_clk * ramp.t_clk_ns
    charge_fC = jnp.where(pulsed, errors.q_inj_fC, 0.0) + errors.v_os_V * leak_ns
    slot_errors = SlotErrors(
        excess_V=g_target_uS * gain_excess + charge_fC / (conditions.common_rel * c_fF),
        factor=1.0 + errors.gradient_rel * ramp.row,
        r_series_MOhm=ramp.r_series_MOhm,
    )
    if not leaky:
        return Slots(g_target_uS, gain, slot_errors)
    share = ramp.inverse_gain * conditions.referred / (conditions.common_rel * c_fF)
    leak = SlotLeak(t_eff_ns * share, leak_ns * share, g_target_uS * volts_per_uS(ramp), ramp.v_before_V)
    return Slots(g_target_uS, gain, slot_errors, leak)


def add_entry(
    deviation_V: Float[Array, "*entry"], g_uS: Float[Array, "*entry"], slots: Slots
) -> Float[Array, "*entry"]:
    """What entries add to the deviation of the ramp from the ideal one, V.

    Args:
        deviation_V: of the ramp before each entry, V; matters only where the amplifier's gain is finite.
        g_uS: realised conductances, µS.
        slots: the entries.
    """
    if slots.errors is None:
        return (g_uS - slots.g_target_uS) * slots.volts_per_uS
    held_uS = g_uS * slots.errors.factor
    seen_uS = held_uS / (1.0 + held_uS * slots.errors.r_series_MOhm)
    more_V = (seen_uS - slots.g_target_uS) * slots.volts_per_uS + slots.errors.excess_V
    if slots.leak is None:
        return more_V
    share = seen_uS * slots.leak.per_uS + slots.leak.fixed
    middle_V = slots.leak.v_before_V + deviation_V + 0.5 * (slots.leak.ideal_V + more_V)
    return more_V - share * middle_V / (1.0 + 0.5 * share)


def ramp_deviation_V(g_uS: Float[Array, " entry"], slots: Slots, n_bias: int = 0) -> Float[Array, " threshold"]:
    """How far the ramp is off at each threshold: D = sum of what the entries before it add beyond the ideal.

    Args:
        g_uS: realised conductances, µS.
        slots: the entries.
        n_bias: how many of them make the start; without any the start is exact.
    """
    if slots.leak is not None:
        # What an entry adds depends on the ramp so far: entry by entry, not as a sum.

        def step(before_V: Array, entry: tuple) -> tuple[Array, Array]:
            return before_V + add_entry(before_V, *entry), before_V

        _, before_V = jax.lax.scan(step, jnp.zeros_like(g_uS[0]), (g_uS, slots))
        return before_V[n_bias:]
    return sum_before(add_entry(jnp.zeros_like(g_uS), g_uS, slots))[n_bias:]


def sum_before(a: Float[Array, " entry"]) -> Float[Array, " entry"]:
    """The sum of all entries before each, as products with triangular matrices: inside chunks, then over their totals.

    An entry beyond the last one, which adds nothing, makes room for the last sum without joining arrays.
    """
    n = a.shape[0]
    if n <= _CHUNK:
        return _before_product(a)
    n_chunks = -(-n // _CHUNK)
    chunks = jnp.pad(a, (0, n_chunks * _CHUNK - n)).reshape(n_chunks, _CHUNK)
    inside = _before_product(chunks)
    before = sum_before(inside[:, -1] + chunks[:, -1])
    return (inside + before[:, None]).reshape(-1)[:n]


def _before_product(a: Float[Array, "*rows n"]) -> Float[Array, "*rows n"]:
    strictly_upper = jnp.triu(jnp.ones((a.shape[-1], a.shape[-1]), a.dtype), k=1)
    # HIGHEST: a GPU would otherwise round the inputs to 10 bits of mantissa.
    return jnp.matmul(a, strictly_upper, precision=jax.lax.Precision.HIGHEST)
