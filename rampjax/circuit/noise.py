"""Temporal noise of a ramp: what differs from conversion to conversion, and what a measurement of the ramp feels of it.

The current of a device fluctuates; over a pulse t the charge of this has the variance

    (sigma_read v_read)^2 t_read^2 f(t/tau) / f(t_read/tau),   f(u) = u - 1 + e^-u

with sigma_read the standard deviation of the mean over a read that lasts t_read, and tau the correlation time: that of
an Ornstein-Uhlenbeck process, t^2 where it is frozen within a pulse (tau infinite), t_read t where it is white. A pulse
of several clocks is one such process. Thermal noise adds 2 k T g t. A measurement averages reads of the same kind.

References:
    Uhlenbeck and Ornstein 1930, Phys. Rev. 36, 823: the integral of their process. Nyquist 1928, Phys. Rev. 32, 110.
Left out: noise that leaks away again through a finite gain, or is lost to a lag.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from rampjax.circuit.device import DeviceParams
from rampjax.circuit.ramp import RampParams

_FASTEST_NS = 1e-6  # a correlation time below this is white in single precision


class NoiseParams(NamedTuple):
    """The traced part of temporal noise, of conversions or of measurements, in referred volts but for the jitter."""

    sigma_jitter_ns: Float[Array, ""]  # of each read pulse
    sigma_step_V: Float[Array, ""]  # that each step adds
    thermal_fC_V: Float[Array, ""]  # 2kT over the square of the common factor: times g and t, the variance of a charge
    sigma_strobe_V: Float[Array, ""]  # of the comparator, where it is drawn anew at each strobe
    ktc_fF_V2: Float[Array, ""]  # kT of what is sampled once: over the capacitance, a variance
    level_V2: Float[Array, ""]  # what every comparison, or every measured level, has beside it


class NoiseSlots(NamedTuple):
    """What each entry adds to the noise, by what it conducts; 0 where there is no pulse."""

    read_V_per_uS: Float[Array, "*entry"]  # of the device's read noise
    thermal_V2_per_uS: Float[Array, "*entry"]
    jitter_V_per_uS: Float[Array, "*entry"]  # of all that the pulse reads
    step_V2: Float[Array, "*entry"]
    level_V2: Float[Array, "*entry"]  # of a measured level or step


def scale_noise(noise: NoiseParams, factor: float) -> NoiseParams:
    """Noise with every standard deviation times a factor.

    Args:
        noise: of conversions, or of measurements.
        factor: of at least 0.
    """
    return NoiseParams(
        sigma_jitter_ns=factor * noise.sigma_jitter_ns,
        sigma_step_V=factor * noise.sigma_step_V,
        thermal_fC_V=factor**2 * noise.thermal_fC_V,
        sigma_strobe_V=factor * noise.sigma_strobe_V,
        ktc_fF_V2=factor**2 * noise.ktc_fF_V2,
        level_V2=factor**2 * noise.level_V2,
    )


def read_time_ns(t_pulse_ns: Float[Array, "*entry"], device: DeviceParams) -> Float[Array, "*entry"]:
    """The time for which frozen noise of sigma_read would have the charge that a pulse has, ns.

    Args:
        t_pulse_ns: pulses, ns.
        device: its `tau_read_ns` and `t_read_ns`, None where noise is frozen within a pulse.
    """
    if device.tau_read_ns is None or device.t_read_ns is None:
        return t_pulse_ns
    tau_ns = jnp.maximum(device.tau_read_ns, _FASTEST_NS)
    return t_pulse_ns * jnp.sqrt(_kept(t_pulse_ns / tau_ns) / _kept(device.t_read_ns / tau_ns))


def _kept(u: Array) -> Array:
    """2 f(u) / u^2: variance of a mean over u correlation times, over that of an instant; 1 at u = 0."""
    long = u > 0.1  # below it f is a difference of nearly equal numbers
    # Neither form may see the other's arguments: an overflow that is not chosen would still reach a gradient.
    much, little = jnp.where(long, u, 1.0), jnp.where(long, 0.0, u)
    series = 1.0 - little / 3.0 * (1.0 - little / 4.0 * (1.0 - little / 5.0 * (1.0 - little / 6.0)))
    return jnp.where(long, 2.0 * (much + jnp.expm1(-much)) / much**2, series)


def noise_slots(ramp: RampParams, device: DeviceParams, noise: NoiseParams, n_bias: int) -> NoiseSlots:
    """What each entry adds to the noise.

    Args:
        ramp: pulses, capacitor.
        device: how its read noise depends on the pulse.
        noise: of conversions, or of measurements.
        n_bias: how many entries make the start, and no step.
    """
    pulsed = ramp.t_pulse_ns > 0
    per_ns = ramp.v_read_V / ramp.c_int_fF
    is_step = pulsed & (jnp.arange(pulsed.shape[0]) >= n_bias)
    return NoiseSlots(
        read_V_per_uS=per_ns * read_time_ns(ramp.t_pulse_ns, device),
        thermal_V2_per_uS=noise.thermal_fC_V * ramp.t_pulse_ns / ramp.c_int_fF**2,
        jitter_V_per_uS=jnp.where(pulsed, per_ns * noise.sigma_jitter_ns, 0.0),
        step_V2=jnp.where(is_step, noise.sigma_step_V**2, 0.0),
        level_V2=jnp.where(pulsed, noise.ktc_fF_V2 / ramp.c_int_fF + noise.level_V2, 0.0),
    )


def device_noise_V2(
    read_uS: Float[Array, "*entry"], g_uS: Float[Array, "*entry"], slots: NoiseSlots, extra: bool
) -> Float[Array, "*entry"]:
    """Variance of what each device adds to the ramp by its own noise, V².

    Args:
        read_uS: standard deviation of its read noise, µS.
        g_uS: what it conducts, µS.
        slots: of its entry.
        extra: whether there is noise beside read noise.
    """
    variance_V2 = (read_uS * slots.read_V_per_uS) ** 2
    return variance_V2 + slots.thermal_V2_per_uS * g_uS if extra else variance_V2


def step_noise_V2(
    read_uS: Float[Array, "*entry"], g_uS: Float[Array, "*entry"], slots: NoiseSlots, extra: bool
) -> Float[Array, "*entry"]:
    """Variance of one read of one device by itself, V²: its noise, its pulse's jitter, the step's and the reading's.

    Args:
        read_uS: standard deviation of its read noise, µS.
        g_uS: what it conducts, µS.
        slots: of its entry, for a measurement.
        extra: whether there is noise beside read noise.
    """
    variance_V2 = device_noise_V2(read_uS, g_uS, slots, extra)
    if not extra:
        return variance_V2
    return variance_V2 + (slots.jitter_V_per_uS * g_uS) ** 2 + slots.step_V2 + slots.level_V2


class Accrued(NamedTuple):
    """The noise of a ramp so far, step by step."""

    done_V2: Float[Array, ""]  # of the steps before
    own_V2: Float[Array, ""]  # of this step's devices
    pulsed_uS: Float[Array, ""]  # what its pulse reads
    begun: Float[Array, ""]  # 1 where any entry has been read


def no_noise(like: Float[Array, ""]) -> Accrued:
    """The noise of a ramp before its first entry."""
    return Accrued(*[jnp.zeros_like(like)] * len(Accrued._fields))


def accrued_V2(so_far: Accrued, slots: NoiseSlots) -> Float[Array, ""]:
    """Variance of one read of the whole ramp so far, V²; 0 before its first entry: a start without devices is exact."""
    jitter_V = slots.jitter_V_per_uS * so_far.pulsed_uS
    return so_far.done_V2 + so_far.own_V2 + jitter_V**2 + so_far.begun * slots.level_V2


def accrue(
    so_far: Accrued, read_uS: Float[Array, ""], g_uS: Float[Array, ""], first: Array, slots: NoiseSlots
) -> Accrued:
    """Adds one device. Those of one step share its pulse's jitter and the noise of the step.

    Args:
        so_far: before it.
        read_uS: standard deviation of its read noise, µS.
        g_uS: what it conducts, µS.
        first: whether it is the first of its step.
        slots: of its entry.
    """
    own_V2 = device_noise_V2(read_uS, g_uS, slots, extra=True)
    closed_V2 = so_far.done_V2 + so_far.own_V2 + (slots.jitter_V_per_uS * so_far.pulsed_uS) ** 2
    return Accrued(
        done_V2=jnp.where(first, closed_V2, so_far.done_V2),
        own_V2=jnp.where(first, own_V2 + slots.step_V2, so_far.own_V2 + own_V2),
        pulsed_uS=jnp.where(first, g_uS, so_far.pulsed_uS + g_uS),
        begun=jnp.ones_like(so_far.begun),
    )
