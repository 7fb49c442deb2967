"""The slow part of the read noise: 1/f noise between t_lo and t_hi, the same in every read until it has wandered.

A conductance fluctuates with time constants spread evenly over their logarithm, from t_lo (the duration of a
measurement) to t_hi, by a variance A(g) per e-fold. So the noise is stationary, A ln(t_hi/t_lo) at any moment; what it
is now and what it was at the last calibration, a time D ago, are normal with the correlation

    rho(D) = mean of exp(-D/tau) over ln tau = [E1(D/t_hi) - E1(D/t_lo)] / ln(t_hi/t_lo).

Averaging reads does not take it out, a calibration takes out what has not wandered since. Programming, and what it
verifies or measures while it aims, is taken as free of it. Left out: reads apart within one calibration, a spectrum
that is steeper than 1/f.

References:
    A sum of relaxations with evenly spread logarithms of their times is 1/f: van der Ziel, Physica 16, 359 (1950).
    E1, the exponential integral: Abramowitz and Stegun (1964), 5.1.1; the mean is its definition with t = D/tau.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float
from scipy import special

from rampjax.circuit.curve_params import SigmaParams, curve_params
from rampjax.circuit.curves import is_zero
from rampjax.circuit.device import Device, sigma_at


class SlowNoiseParams(NamedTuple):
    """The traced part of the slow noise."""

    sigma_uS: SigmaParams  # square root of A(g), per root e-fold
    root_efolds: Float[Array, ""]  # square root of ln(t_hi/t_lo)
    correlation: Float[Array, ""]  # of now with the last calibration


def slow_noise_params(device: Device, since_s: float) -> SlowNoiseParams:
    """The slow noise of a device.

    Args:
        device: on the host.
        since_s: time since the last calibration, s.
    """
    efolds, rho = 0.0, 1.0
    if not is_zero(device.sigma_slow_uS) and device.slow_t_lo_s is not None and device.slow_t_hi_s is not None:
        efolds = math.log(device.slow_t_hi_s / device.slow_t_lo_s)
        rho = correlation(since_s, device.slow_t_lo_s, device.slow_t_hi_s)
    return SlowNoiseParams(curve_params(device.sigma_slow_uS), jnp.float32(math.sqrt(efolds)), jnp.float32(rho))


def correlation(since_s: float, t_lo_s: float, t_hi_s: float) -> float:
    """rho(D) = [E1(D/t_hi) - E1(D/t_lo)] / ln(t_hi/t_lo), 1 at D = 0.

    Args:
        since_s: distance D of the two moments, s.
        t_lo_s: the shortest time constant, s.
        t_hi_s: the longest, s.
    """
    if since_s == 0:
        return 1.0
    apart = special.exp1(since_s / t_hi_s) - special.exp1(since_s / t_lo_s)
    return float(apart / math.log(t_hi_s / t_lo_s))


def wander(
    z: Float[Array, "2 device"],
    then_uS: Float[Array, " device"],
    now_uS: Float[Array, " device"],
    slow_noise: SlowNoiseParams,
) -> tuple[Float[Array, " device"], Float[Array, " device"]]:
    """Conductances with their slow noise at the last calibration and now, clipped at 0, µS.

    Args:
        z: standard normals.
        then_uS: conductances at the last calibration, without it.
        now_uS: conductances now, without it.
        slow_noise: of the device.
    """
    rho = slow_noise.correlation
    at_now = rho * z[0] + jnp.sqrt(jnp.maximum(1.0 - rho**2, 0.0)) * z[1]

    def noisy(g_uS: Array, z_at: Array) -> Array:
        return jnp.maximum(g_uS + sigma_at(slow_noise.sigma_uS, g_uS) * slow_noise.root_efolds * z_at, 0.0)

    return noisy(then_uS, z[0]), noisy(now_uS, at_now)
