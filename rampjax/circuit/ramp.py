"""The ramp: each entry reads one memristor for its pulse, and the integrator adds the charge.

Entries are the bias devices that make the start, if any, then the steps. The charge of one entry, with `sign` -1 for
bias devices that lower the start:

    c_int dV = g' t_eff sign v_read + v_os (g' t_eff + g_leak t_clk n_clk) + q_inj - charge lost to the amplifier
    g' = g / (1 + g R),  t_eff = t_pulse - t_loss + delta_tap

where the amplifier's gain is finite, or its output lags: see `circuit.integrator`. Through a nonlinear device flows
i = g v (1 + b v^2)/(1 + b v_read^2), v = sign v_read + v_os; by how much the virtual ground moves acts through di/dv
there, and so does the drop across R, to second order. Voltages are referred: divided by the factor that the
MAC's voltage has in common with the ramp's (read voltage, common temperature coefficient, capacitor corner), so that
what is ratiometric drops out. Everything is a deviation from the ideal ramp, whose rounding would swamp small steps in
single precision.

References: Yang et al., Nature Communications 16 (2025), doi 10.1038/s41467-025-56254-6: the nonlinear ramp column.
Left out: noise that leaks away again through a finite gain, or is lost to a lag; the array's factor (1 + 1/A), which
ramp and MAC share; what a moving virtual ground does to a nonlinear device beyond first order.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from rampjax.circuit.draws import standard_normal
from rampjax.circuit.integrator import AmplifierSlots, Progress, integrate_entry, no_progress

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
    inverse_gain: Float[Array, ""]  # 1/(A + 1)
    tau_settle_ns: Float[Array, ""]  # of the amplifier
    v_os_V: Float[Array, ""]  # amplifier's offset: mean and, static per chip, spread
    sigma_v_os_V: Float[Array, ""]
    reset_shift: Float[Array, ""]  # share of the offset that is in the ramp from its reset on; 0: auto-zeroed
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
    amplifier: AmplifierSlots | None = None  # None: its gain is infinite and its output does not lag


class SlotErrors(NamedTuple):
    """What is off in each entry, whatever the ramp so far."""

    excess_V: Float[Array, "*entry"]  # what it adds beyond the ideal at the ideal conductance
    charge_V: Float[Array, "*entry"]  # what of it comes without any conductance: injection, leakage
    reset_V: Float[Array, "*entry"]  # what the reset has left in the ramp, the same in every entry
    factor: Float[Array, "*entry"]  # conductance gradient
    r_series_MOhm: Float[Array, "*entry"]  # times the device's differential conductance over its conductance
    bend_per_uS2: Float[Array, "*entry"]  # of a nonlinear device: what the drop across that resistance adds, squared


RampState = Array | Progress  # of a ramp so far: its deviation alone, or all that matters to a real amplifier


class Before(NamedTuple):
    """A ramp ahead of each entry beyond those of its start."""

    deviation_V: Float[Array, " entry"]  # of the settled ramp from the ideal one
    lag_V: Float[Array, " entry"] | None  # of the output behind it; None: its amplifier is no real one
    rise_V: Float[Array, " entry"]  # settled, since the entry before; 0 ahead of the first


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
    ramp: RampParams,
    g_target_uS: Float[Array, " entry"],
    errors: RampErrors,
    conditions: Conditions,
    leaky: bool,
    settles: bool = False,
) -> Slots:
    """The entries of a ramp with the errors of one chip, at given conditions.

    Args:
        ramp: the ramp's parameters.
        g_target_uS: ideal conductances, µS.
        errors: what was drawn for this ramp.
        conditions: supply and temperature.
        leaky: the amplifier's gain is finite.
        settles: its output lags.
    """
    pulsed = ramp.t_pulse_ns > 0
    tap_ns = jnp.take(errors.tap_ns, ramp.tap)
    change_ns = jnp.where(pulsed, jnp.maximum(tap_ns - errors.t_loss_ns, -ramp.t_pulse_ns), 0.0)
    t_eff_ns = ramp.t_pulse_ns + change_ns
    drive_less_1, slope, bend = _device_drive(ramp, errors, conditions)
    c_fF = ramp.c_int_fF * (1.0 + errors.c_int_rel)
    gain = ramp.sign * ramp.v_read_V * t_eff_ns * (1.0 + drive_less_1) / c_fF
    # gain - ideal gain, term by term: a difference of nearly equal numbers would be all rounding.
    per_clock = ramp.sign * ramp.v_read_V / c_fF
    gain_excess = per_clock * (change_ns + t_eff_ns * drive_less_1 - ramp.t_pulse_ns * errors.c_int_rel)
    t_clocks_ns = ramp.n_clk * ramp.t_clk_ns
    inject_fC = jnp.where(t_eff_ns > 0, errors.q_inj_fC, 0.0)  # a pulse that is lost altogether injects nothing
    leak_ns = jnp.where(ramp.n_clk > 0, jnp.maximum(t_clocks_ns, t_eff_ns), 0.0)
    charge_fC = inject_fC + errors.v_os_V * (ramp.g_leak_uS * leak_ns)
    referred_fF = conditions.common_rel * c_fF
    drop_V = ramp.r_series_MOhm * conditions.common_rel * ramp.v_read_V * (1.0 + drive_less_1)  # of 1 µS
    slot_errors = SlotErrors(
        excess_V=g_target_uS * gain_excess + charge_fC / referred_fF,
        charge_V=charge_fC / referred_fF,
        reset_V=jnp.broadcast_to(ramp.reset_shift * errors.v_os_V / conditions.referred, pulsed.shape),
        factor=1.0 + errors.gradient_rel * ramp.row,
        r_series_MOhm=ramp.r_series_MOhm * (slope * conditions.common_rel),
        bend_per_uS2=bend * drop_V**2,
    )
    if not (leaky or settles):
        return Slots(g_target_uS, gain, slot_errors)

    def each(value: Array) -> Array:
        return jnp.broadcast_to(value, pulsed.shape)

    amplifier = AmplifierSlots(
        first=(ramp.n_clk > 0) | ~pulsed,
        t_on_ns=t_eff_ns,
        t_clocks_ns=t_clocks_ns,
        slew_per_uS=jnp.where(pulsed, per_clock * (1.0 + drive_less_1), 0.0),
        pull_per_uS=jnp.where(pulsed, slope * conditions.referred / c_fF, 0.0),
        inject_V=inject_fC / referred_fF,
        v_before_V=ramp.v_before_V,
        idle_slew=each(errors.v_os_V * ramp.g_leak_uS / referred_fF),
        idle_pull=each(ramp.g_leak_uS * conditions.referred / referred_fF),
        inverse_gain=each(ramp.inverse_gain),
        tau_ns=each(ramp.tau_settle_ns) if settles else None,
    )
    return Slots(g_target_uS, gain, slot_errors, amplifier)


def _device_drive(ramp: RampParams, errors: RampErrors, conditions: Conditions) -> tuple[Array, Array, Array]:
    """How the current of a device depends on the voltage across it, w the read voltage with its error and the offset.

    i = g F(v), F(v) = v (1 + b v^2)/(1 + b v_read^2): the current at w over the ideal one and the common factor, less
    1; its slope F'(w), over the common factor; and F''(w)/(2 F(w)), 1/V^2.
    """
    beta, w_V = ramp.nonlinearity_per_V2, conditions.v_read_V
    own_less_1 = errors.v_read_rel + ramp.sign * errors.v_os_V / w_V
    own = 1.0 + own_less_1
    bend_less_1 = beta * w_V**2 * (own**2 - 1.0) / (1.0 + beta * w_V**2)
    slope = (1.0 + 3.0 * beta * (w_V * own) ** 2) / (1.0 + beta * w_V**2) * (ramp.v_read_V / w_V)
    return own_less_1 + own * bend_less_1, slope, 3.0 * beta / (1.0 + beta * (w_V * own) ** 2)


def start_ramp(slots: Slots) -> RampState:
    """The state of a ramp before its first entry: where its reset has left it."""
    start_V = jnp.zeros((), slots.volts_per_uS.dtype) if slots.errors is None else slots.errors.reset_V[0]
    return start_V if slots.amplifier is None else no_progress(start_V)


def deviation_of(state: RampState) -> Float[Array, ""]:
    """How far a ramp so far is off, once settled, V."""
    return state.deviation_V if isinstance(state, Progress) else state


def add_entry(state: RampState, g_uS: Float[Array, ""], slots: Slots) -> RampState:
    """Adds one entry to a ramp.

    Args:
        state: the ramp before it.
        g_uS: its realised conductance, µS.
        slots: what it adds.
    """
    seen_uS, more_V, added_V = _added(g_uS, slots)
    if isinstance(state, Progress):
        assert slots.amplifier is not None
        return integrate_entry(state, seen_uS, more_V, added_V, slots.amplifier)
    return state + more_V


def _added(g_uS: Array, slots: Slots) -> tuple[Array, Array, Array]:
    """What entries conduct, µS, and what they add, whatever the ramp so far: beyond the ideal, and in all, V.

    What they add in all is no difference of nearly equal numbers: a device that conducts nothing adds exactly nothing.
    """
    if slots.errors is None:
        return g_uS, (g_uS - slots.g_target_uS) * slots.volts_per_uS, g_uS * slots.volts_per_uS
    held_uS = g_uS * slots.errors.factor
    seen_uS = held_uS / (1.0 + held_uS * slots.errors.r_series_MOhm)
    seen_uS = seen_uS * (1.0 + slots.errors.bend_per_uS2 * seen_uS**2)
    more_V = (seen_uS - slots.g_target_uS) * slots.volts_per_uS + slots.errors.excess_V
    return seen_uS, more_V, seen_uS * slots.volts_per_uS + slots.errors.charge_V


def ramp_deviation_V(g_uS: Float[Array, " entry"], slots: Slots, n_bias: int = 0) -> Float[Array, " threshold"]:
    """How far the settled ramp is off at each threshold: D = sum of what the entries before it add beyond the ideal.

    Args:
        g_uS: realised conductances, µS.
        slots: the entries.
        n_bias: how many of them make the start; without any the start is exact.
    """
    return ramp_before(g_uS, slots, n_bias).deviation_V


def ramp_before(g_uS: Float[Array, " entry"], slots: Slots, n_bias: int = 0) -> Before:
    """The ramp ahead of each entry beyond the `n_bias` of its start; see `ramp_deviation_V`."""
    if slots.amplifier is None:
        _, more_V, added_V = _added(g_uS, slots)
        deviation_V = sum_before(more_V)
        if slots.errors is not None:
            deviation_V = deviation_V + slots.errors.reset_V
        return Before(deviation_V[n_bias:], None, _since(added_V, n_bias))

    # What an entry adds depends on the ramp so far: entry by entry, not as a sum.
    def step(before: RampState, entry: tuple[Array, Slots]) -> tuple[RampState, tuple[Array, Array, Array]]:
        assert isinstance(before, Progress)
        after = add_entry(before, *entry)
        assert isinstance(after, Progress)
        # A step is made anew with each of its devices: what this one has added to it.
        rise_V = after.rise_V - jnp.where(_is_first(entry[1]), 0.0, before.rise_V)
        return after, (before.deviation_V, before.lag_V, rise_V)

    _, (deviation_V, lag_V, rise_V) = jax.lax.scan(step, start_ramp(slots), (g_uS, slots))
    return Before(deviation_V[n_bias:], lag_V[n_bias:], _since(rise_V, n_bias))


def _is_first(slot: Slots) -> Array:
    """Whether an entry is the first of the devices of its step."""
    assert slot.amplifier is not None
    return slot.amplifier.first


def _since(rise_V: Array, n_bias: int) -> Array:
    """What entries add, as what lies before each of those beyond the start: 0 ahead of the first."""
    steps_V = rise_V[n_bias:]
    return jnp.concatenate([jnp.zeros_like(steps_V[:1]), steps_V[:-1]])


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
