"""Programming devices: plainly, `g ~ N(aim + bias, sigma(aim))`, clipped, or by a write-verify loop; stuck cells.

Plainly programmed devices may also err as measured ones do, by quantiles in place of the normal distribution.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8, Key, Shaped

from rampjax.circuit.cells import CellParams, Picked, pick_cells
from rampjax.circuit.device import DeviceParams, shift_at, sigma_at
from rampjax.circuit.draws import standard_normal
from rampjax.circuit.quantile_params import shaped
from rampjax.circuit.write_verify import WriteParams, Written, pulse_energy_fJ, write_verify

HEALTHY, STUCK_OFF, STUCK_ON = 0, 1, 2


class ProgrammingParams(NamedTuple):
    """The traced part of programming."""

    write: WriteParams | None  # None: plain
    read_averaging: Float[Array, ""]  # 1/sqrt(n_reads) of a verify read; 0 for a noise-free one
    cells: CellParams | None = None  # measured cells in place of the device's laws; None: laws


class MixtureDraw(NamedTuple):
    """What plain programming draws where some events fail."""

    z: Float[Array, "*device"]  # standard normal
    u: Float[Array, "*device"]  # uniform: the event fails where it is below the share of those that do


Draw = Shaped[Array, "*device"] | MixtureDraw


def draw_programming(
    key: Key[Array, ""], fail_key: Key[Array, ""], shape: tuple[int, ...], scheme: str | None, device: DeviceParams
) -> Draw:
    """What the programming of each device draws from: a standard normal, or the key of a write-verify loop.

    Args:
        key: of the errors.
        fail_key: of which events fail; used where the device has a share of those.
        shape: of the devices.
        scheme: of the write-verify loop; None for plain programming.
        device: the device's parameters.
    """
    if scheme is not None:
        return jax.random.split(key, shape)
    z = standard_normal(key, math.prod(shape)).reshape(shape)
    return z if device.failed is None else MixtureDraw(z, jax.random.uniform(fail_key, shape))


def program(
    draw: Draw,
    g_aim_uS: Float[Array, "*device"],
    health: Int8[Array, "*device"] | None,
    device: DeviceParams,
    programming: ProgrammingParams,
    scheme: str | None,
) -> tuple[Float[Array, "*device"], Written | Picked | None]:
    """Programs devices, plainly or by a write-verify loop, and returns their conductances (µS) and how that went.

    Where there are measured cells, a device is its aim plus the error of one of them, which it keeps.

    Args:
        draw: of `draw_programming`.
        g_aim_uS: the aims, inside `[g_min_uS, g_max_uS]`, µS.
        health: which devices are stuck; None where none can be.
        device: the device's parameters.
        programming: the loop's parameters.
        scheme: of the write-verify loop; None for plain programming.
    """
    g_aim_uS = nearest_target_uS(g_aim_uS, device)
    if programming.cells is not None and not isinstance(draw, MixtureDraw):
        cell = pick_cells(draw, g_aim_uS, programming.cells)
        g_uS = jnp.clip(g_aim_uS + programming.cells.fresh_uS[cell], 0.0, device.g_ceiling_uS)
        return (g_uS if health is None else apply_health(g_uS, health, device)), Picked(g_aim_uS, cell)
    if scheme is None or programming.write is None or isinstance(draw, MixtureDraw):
        z, u = draw if isinstance(draw, MixtureDraw) else (draw, None)
        g_uS = realise_conductance(z, g_aim_uS, device, u)
        return (g_uS if health is None else apply_health(g_uS, health, device)), None
    write, averaging = programming.write, programming.read_averaging

    def one(key: Array, aim_uS: Array) -> Written:
        # Pulses are counted, not differentiated: an aim that moves moves the outcome with it.
        held = jax.lax.stop_gradient(aim_uS)
        loop = write_verify(key, held, device, write, scheme, averaging)
        return loop._replace(g_uS=loop.g_uS + (aim_uS - held))

    loop = one
    for _ in g_aim_uS.shape:
        loop = jax.vmap(loop)
    written = loop(draw, g_aim_uS)
    if health is not None:
        written = stuck_loop(written, g_aim_uS, health, device, write, scheme)
    return written.g_uS, written


def nearest_target_uS(g_aim_uS: Float[Array, "*device"], device: DeviceParams) -> Float[Array, "*device"]:
    """The nearest of the targets that the device tells apart, with the slope of the aim itself (straight-through)."""
    if device.g_step_uS is None:
        return g_aim_uS
    steps = jnp.round((g_aim_uS - device.g_min_uS) / device.g_step_uS)
    snapped_uS = jax.lax.stop_gradient(device.g_min_uS + steps * device.g_step_uS)
    return snapped_uS + (g_aim_uS - jax.lax.stop_gradient(g_aim_uS))


def stuck_loop(
    written: Written,
    g_aim_uS: Float[Array, "*device"],
    health: Int8[Array, "*device"],
    device: DeviceParams,
    write: WriteParams,
    scheme: str,
) -> Written:
    """The loop on a stuck device: verified at once where it happens to be right, else all pulses in vain.

    They are SETs below the aim and RESETs above it; those of `compliance` do not count, and twice as many are tried.
    Reads are taken as exact.
    """
    g_uS = apply_health(written.g_uS, health, device)
    stuck, right = health != HEALTHY, jnp.abs(g_uS - g_aim_uS) <= write.tolerance_uS
    pulses = jnp.where(right, 0, write.max_pulses).astype(written.n_pulses.dtype)
    below = g_uS < g_aim_uS
    tried = pulses
    if scheme == "compliance":
        tried, pulses = jnp.where(below, pulses, 2 * pulses), jnp.where(below, pulses, 0)
    v_V = jnp.where(below, write.v_set_V, write.v_reset_V)
    energy_fJ = tried * pulse_energy_fJ(v_V, g_uS, g_uS, write.t_write_ns)
    return Written(
        g_uS=g_uS,
        n_pulses=jnp.where(stuck, pulses, written.n_pulses),
        verified=jnp.where(stuck, right, written.verified),
        energy_fJ=jnp.where(stuck, energy_fJ, written.energy_fJ),
    )


def realise_conductance(
    z: Float[Array, "*shape"],
    g_aim_uS: Float[Array, "*shape"],
    device: DeviceParams,
    u: Float[Array, "*shape"] | None = None,
) -> Float[Array, "*shape"]:
    """The conductance that programming reaches: g = aim + bias(aim) + sigma(aim) z, clipped to [0, ceiling].

    Where the device has quantiles of its error, z is replaced by that of the same probability, at the aim. An event
    with u below the share of those that fail has their mean and spread, with z itself. (The share has no slope here: a
    gradient in the aim is that of the event as it went.)

    Args:
        z: standard normal, one per programming event.
        g_aim_uS: the aim, inside `[g_min_uS, g_max_uS]`, µS.
        device: the device's parameters.
        u: uniform, one per programming event; None where none fails.

    References:
        Plain programming with sigma(g) as the device's preset gives it, each with its own source; a realised
        conductance is clipped at 0, and above only where the device has a physical ceiling.
    """
    error = shaped(z, device.error_quantiles, g_aim_uS)
    g_uS = g_aim_uS + shift_at(device.bias_prog_uS, g_aim_uS) + sigma_at(device.sigma_prog_uS, g_aim_uS) * error
    if device.failed is not None and u is not None:
        failed = device.failed
        missed_uS = g_aim_uS + shift_at(failed.bias_uS, g_aim_uS) + sigma_at(failed.sigma_uS, g_aim_uS) * z
        g_uS = jnp.where(u < shift_at(failed.prob, g_aim_uS), missed_uS, g_uS)
    return jnp.clip(g_uS, 0.0, device.g_ceiling_uS)


def sample_health(key: Key[Array, ""], n_devices: int, device: DeviceParams) -> Int8[Array, " device"]:
    """Draws which devices are stuck: one uniform each, OFF at its low end, ON next to it."""
    u = jax.random.uniform(key, (n_devices,))
    on = jnp.where(u < device.stuck_off_prob + device.stuck_on_prob, STUCK_ON, HEALTHY)
    return jnp.where(u < device.stuck_off_prob, STUCK_OFF, on).astype(jnp.int8)


def read_sigma_uS(
    g_uS: Float[Array, "*shape"], health: Int8[Array, "*shape"] | None, device: DeviceParams
) -> Float[Array, "*shape"]:
    """Read noise of devices: sigma_read(g), and min(sigma_read(g), g) of one that is stuck off.

    A curve fitted to programmed devices says nothing of one that hardly conducts: its current cannot vary by more than
    itself, and an open cell has none.

    Args:
        g_uS: conductances, µS.
        health: which devices are stuck; None where none can be.
        device: the device's parameters.
    """
    sigma_uS = sigma_at(device.sigma_read_uS, g_uS)
    return sigma_uS if health is None else jnp.where(health == STUCK_OFF, jnp.minimum(sigma_uS, g_uS), sigma_uS)


def apply_health(
    g_uS: Float[Array, "*shape"], health: Int8[Array, "*shape"], device: DeviceParams
) -> Float[Array, "*shape"]:
    """A stuck device has its stuck conductance, whatever was programmed."""
    g_uS = jnp.where(health == STUCK_OFF, device.g_stuck_off_uS, g_uS)
    return jnp.where(health == STUCK_ON, device.g_stuck_on_uS, g_uS)
