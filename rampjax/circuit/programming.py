"""Programming a device: plain mode, `g ~ N(aim + bias, sigma(aim))`, clipped at 0 and at a physical ceiling.

Write-verify loops, which arrive at such a distribution pulse by pulse, are left out here.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8, Key

from rampjax.circuit.device import DeviceParams, sigma_at

HEALTHY, STUCK_OFF, STUCK_ON = 0, 1, 2


def realise_conductance(
    z: Float[Array, "*shape"], g_aim_uS: Float[Array, "*shape"], device: DeviceParams
) -> Float[Array, "*shape"]:
    """The conductance that programming reaches: g = aim + bias + sigma(aim) z, clipped to [0, ceiling].

    Args:
        z: standard normal, one per programming event.
        g_aim_uS: the aim, inside `[g_min_uS, g_max_uS]`, µS.
        device: the device's parameters.

    References:
        Plain programming with sigma(g) as the device's preset gives it, each with its own source; a realised
        conductance is clipped at 0, and above only where the device has a physical ceiling.
    """
    g_uS = g_aim_uS + device.bias_prog_uS + sigma_at(device.sigma_prog_uS, g_aim_uS) * z
    return jnp.clip(g_uS, 0.0, device.g_ceiling_uS)


def sample_health(key: Key[Array, ""], n_devices: int, device: DeviceParams) -> Int8[Array, " device"]:
    """Draws which devices are stuck: one uniform each, OFF at its low end, ON next to it."""
    u = jax.random.uniform(key, (n_devices,))
    on = jnp.where(u < device.stuck_off_prob + device.stuck_on_prob, STUCK_ON, HEALTHY)
    return jnp.where(u < device.stuck_off_prob, STUCK_OFF, on).astype(jnp.int8)


def apply_health(
    g_uS: Float[Array, "*shape"], health: Int8[Array, "*shape"], device: DeviceParams
) -> Float[Array, "*shape"]:
    """A stuck device has its stuck conductance, whatever was programmed."""
    g_uS = jnp.where(health == STUCK_OFF, device.g_stuck_off_uS, g_uS)
    return jnp.where(health == STUCK_ON, device.g_stuck_on_uS, g_uS)
