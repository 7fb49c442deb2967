"""The ramp's integrator with a real amplifier: of finite gain A, of one pole, so that its virtual ground moves.

V is the ramp as it will settle, W the output, L = V - W the lag. The virtual ground is off by what the amplifier's
input must be, V/(A+1) + k L, so that less flows through the devices that conduct, g, and, always, the unselected rows,
g_l:

    C dV/dt = g s(t) (sign v_read + v_os - V/(A+1) - k L) + g_l (v_os - V/(A+1) - k L),   k = A/(A+1)
    dL/dt = dV/dt - L/tau

s(t) = 1 during the pulse, which begins with the step's clock, where q_inj makes V and L jump; at the end of the step's
clocks an ideal hold takes W. In each of the two phases, pulse and rest, this is solved exactly. With infinite gain:

    L(t) = L(0) e^(-t/h) + r h (1 - e^(-t/h)),   V(t) = V(0) + r t - b (integral of L),   1/h = 1/tau + b,   b = G/C

with r the drive, G all that conducts. With a finite one, a = G/((A+1) C), b = k G/C, e = a h, V and L decay together in
two modes, L = -e/(f - e) V with the rate a h/(f tau), V = b h/(f - e) L with f/h, f^2 - (1 + e) f + e h/tau = 0.

Devices in parallel conduct at the same time: a step is made anew from its beginning with each that is added to it.
Voltages are referred, see `circuit.ramp`; V and what is lost are those of the true ramp, not of its deviation.

References: Gray, Hurst, Lewis and Meyer, Analysis and Design of Analog Integrated Circuits (2009), chapter 6: the
inverting integrator; the equations follow from C d(v_x - v_out)/dt = i and dv_out/dt = omega_u (v_p - v_x - v_out/A)
with tau = 1/(omega_u (1 + 1/A)). Left out: slewing, a second pole, a hold that loads the output.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_INSTANT = 1e-3  # of a phase: a lag that settles faster, if there is any, has gone at its end


class AmplifierSlots(NamedTuple):
    """How each entry meets the amplifier."""

    first: Bool[Array, "*entry"]  # of the devices of its step
    t_on_ns: Float[Array, "*entry"]  # effective pulse, that of all the devices of its step
    t_clocks_ns: Float[Array, "*entry"]  # clocks that it takes; 0 unless it is the first of its step
    slew_per_uS: Float[Array, "*entry"]  # how fast the device drives the ramp, V/ns
    pull_per_uS: Float[Array, "*entry"]  # and how fast it pulls the virtual ground back, 1/ns
    inject_V: Float[Array, "*entry"]
    v_before_V: Float[Array, "*entry"]  # the ideal ramp before it
    idle_slew: Float[Array, "*entry"]  # through the unselected rows, V/ns
    idle_pull: Float[Array, "*entry"]  # 1/ns
    inverse_gain: Float[Array, "*entry"]  # 1/(A+1)
    tau_ns: Float[Array, "*entry"] | None = None  # None: the output does not lag


class Step(NamedTuple):
    """A step so far: the ramp at its beginning, and what its devices do together."""

    deviation_V: Float[Array, ""]
    lag_V: Float[Array, ""]
    v_before_V: Float[Array, ""]
    t_clocks_ns: Float[Array, ""]
    more_V: Float[Array, ""]
    added_V: Float[Array, ""]
    slew: Float[Array, ""]
    pull: Float[Array, ""]
    inject_V: Float[Array, ""]


class Progress(NamedTuple):
    """A ramp so far: at the end of its last step, with the devices that this step has as yet."""

    deviation_V: Float[Array, ""]  # of the settled ramp from the ideal one
    lag_V: Float[Array, ""]  # of the output behind it
    rise_V: Float[Array, ""]  # settled, of this step so far
    step: Step


def no_progress(start_V: Float[Array, ""]) -> Progress:
    """A ramp at its start, settled, off by `start_V`."""
    zero = jnp.zeros_like(start_V)
    return Progress(start_V, zero, zero, Step(*[zero] * len(Step._fields)))


def integrate_entry(
    before: Progress,
    seen_uS: Float[Array, ""],
    more_V: Float[Array, ""],
    added_V: Float[Array, ""],
    slots: AmplifierSlots,
) -> Progress:
    """Adds one device to a ramp.

    Args:
        before: the ramp so far.
        seen_uS: what the device conducts, µS.
        more_V: what it would add beyond the ideal, V, if the virtual ground stayed where it is.
        added_V: what it would then add in all, V.
        slots: its entry.
    """
    own = Step(
        deviation_V=before.deviation_V,
        lag_V=before.lag_V,
        v_before_V=slots.v_before_V,
        t_clocks_ns=slots.t_clocks_ns,
        more_V=more_V,
        added_V=added_V,
        slew=seen_uS * slots.slew_per_uS,
        pull=seen_uS * slots.pull_per_uS,
        inject_V=slots.inject_V,
    )
    joined = before.step._replace(
        **{name: getattr(before.step, name) + getattr(own, name) for name in Step._fields[3:]}
    )
    step = Step(*(jnp.where(slots.first, a, b) for a, b in zip(own, joined, strict=True)))
    t_off_ns = jnp.maximum(step.t_clocks_ns - slots.t_on_ns, 0.0)
    v_V = step.v_before_V + step.deviation_V + step.inject_V
    slew, pull = step.slew + slots.idle_slew, step.pull + slots.idle_pull
    lost_V, lag_V = _conduct(v_V, step.lag_V + step.inject_V, slew, pull, slots.t_on_ns, slots)
    v_V = v_V + slew * slots.t_on_ns - lost_V
    later_V, lag_V = _conduct(v_V, lag_V, slots.idle_slew, slots.idle_pull, t_off_ns, slots)
    lost_V = lost_V + later_V
    return Progress(step.deviation_V + step.more_V - lost_V, lag_V, step.added_V - lost_V, step)


def _conduct(v_V: Array, lag_V: Array, slew: Array, pull: Array, t_ns: Array, slots: AmplifierSlots) -> tuple:
    """What one phase loses of `slew * t_ns`, V, and the lag at its end, V."""
    a, b = slots.inverse_gain * pull, (1.0 - slots.inverse_gain) * pull
    if slots.tau_ns is None:
        return slew * t_ns - (slew - a * v_V) * t_ns * _mean_decay(a * t_ns), jnp.zeros_like(lag_V)
    share = 1.0 / (1.0 + b * slots.tau_ns)
    h_ns = slots.tau_ns * share
    e = a * h_ns
    fast = 0.5 * (1.0 + e + jnp.sqrt((1.0 + e) ** 2 - 4.0 * e * share))
    slow = a * share / fast
    # How much V goes with L in the fast mode, and the slow one's share of the drive, which its lag follows.
    v_per_lag = b * h_ns / (fast - e)
    drive = (slew - a * (v_V - v_per_lag * lag_V)) / (1.0 + v_per_lag * e / (fast - e))
    followed_V = h_ns * drive / (fast - e)
    # Without a lag h is 0, and where there is no pulse t too.
    slow_ns = jnp.maximum(h_ns, _INSTANT * t_ns)
    decay = jnp.exp(-fast * t_ns / jnp.where(slow_ns > 0, slow_ns, 1.0))
    rest_V = lag_V - followed_V
    rise_V = drive * share / fast * t_ns * _mean_decay(slow * t_ns) - v_per_lag * rest_V * (1.0 - decay)
    return slew * t_ns - rise_V, followed_V * jnp.exp(-slow * t_ns) + rest_V * decay


def _mean_decay(x: Array) -> Array:
    """(1 - e^-x) / x."""
    some = x > 0
    safe = jnp.where(some, x, 1.0)
    return jnp.where(some, -jnp.expm1(-safe) / safe, 1.0)
