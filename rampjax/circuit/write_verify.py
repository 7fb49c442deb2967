"""Write-verify: programming one device pulse by pulse, reading after each one, until a read is inside the tolerance.

Two schemes. `pulses`: identical pulses, SET below the target and RESET above it, whose steps shrink towards soft
bounds. `compliance`: SETs whose compliance current is raised by a factor times what is still missing; past the
tolerance, a full reset and a new start. What varies: every pulse and every verify read, anew at each (per programming
event). Left out: device-to-device differences of the steps, wear, disturbance of neighbours, the energy of reads and of
the reset with which `compliance` begins.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from rampjax.circuit.device import DeviceParams, WriteVerify, sigma_at
from rampjax.circuit.draws import normal_of, uniform_of


class WriteParams(NamedTuple):
    """The traced part of a write-verify loop; those of the other scheme are 0. See `device.WriteVerify`."""

    tolerance_uS: Float[Array, ""]
    max_pulses: Int[Array, ""]
    spread_rel: Float[Array, ""]
    spread_uS: Float[Array, ""]
    v_set_V: Float[Array, ""]
    v_reset_V: Float[Array, ""]
    t_write_ns: Float[Array, ""]
    readout_mean_uS: Float[Array, ""]
    readout_sigma_uS: Float[Array, ""]
    set_uS: Float[Array, ""]
    reset_uS: Float[Array, ""]
    bound_uS: Float[Array, ""]
    g_reset_uS: Float[Array, ""]
    gain_per_V: Float[Array, ""]
    factor_V: Float[Array, ""]
    late_factor_V: Float[Array, ""]
    n_early: Int[Array, ""]


class Written(NamedTuple):
    """How the write-verify of one device ended."""

    g_uS: Float[Array, ""]  # conductance reached, verified or not
    n_pulses: Int[Array, ""]  # pulses: SET and RESET alike; compliance: SETs, resets not counted
    verified: Bool[Array, ""]  # the last read was inside the tolerance
    energy_fJ: Float[Array, ""]  # of all pulses, resets included; without reads


class _Pulse(NamedTuple):
    """What one pulse did."""

    g_uS: Float[Array, ""]  # conductance after it
    v_V: Float[Array, ""]  # its voltage, without sign
    counted: Bool[Array, ""]


class _State(NamedTuple):
    g_uS: Float[Array, ""]
    seen_uS: Float[Array, ""]  # the last verify read
    n_pulses: Int[Array, ""]  # pulses that count
    n_trips: Int[Array, ""]  # all pulses
    energy_fJ: Float[Array, ""]


_Rule = Callable[[Array, _State, Array, WriteParams], _Pulse]


def write_params(write: WriteVerify) -> WriteParams:
    """The traced parameters of a device's write-verify, in float32; counts in int32."""
    values = {name: getattr(write, name) or 0 for name in WriteParams._fields}
    counts = ("max_pulses", "n_early")
    return WriteParams(**{k: jnp.int32(v) if k in counts else jnp.float32(v) for k, v in values.items()})


def write_verify(
    key: Key[Array, ""],
    g_aim_uS: Float[Array, ""],
    device: DeviceParams,
    write: WriteParams,
    scheme: str,
    read_averaging: Float[Array, ""],
) -> Written:
    """Programs one device: read; inside the tolerance, stop; else pulse and read again, `max_pulses` times at most.

    read = g + sigma_read(g) z / sqrt(n_reads), and it stops at |read - aim| <= tolerance. `pulses` begins at any
    conductance in the range of targets (uniform: what the device held before), `compliance` after a reset. A loop that
    fails leaves the device where it is.

    Args:
        key: of this programming event.
        g_aim_uS: the aim, inside `[g_min_uS, g_max_uS]`, µS.
        device: the device's parameters: range, ceiling, read noise.
        write: the loop's parameters.
        scheme: `pulses` or `compliance`, static.
        read_averaging: 1/sqrt(n_reads) of a verify read; 0 for a noise-free one.

    Returns:
        Conductance, pulses, verified flag, energy. To the conductance is added what a published error holds beyond the
        window (`readout_mean_uS`, `readout_sigma_uS`; 0 where nothing). It is clipped at 0 and at the ceiling.
    """
    start_key, readout_key, loop_key = jax.random.split(key, 3)
    rule = _RULES[scheme]

    def read(g_uS: Array, word: Array) -> Array:
        return g_uS + sigma_at(device.sigma_read_uS, g_uS) * read_averaging * normal_of(word)

    def unfinished(state: _State) -> Array:
        outside = jnp.abs(state.seen_uS - g_aim_uS) > write.tolerance_uS
        # A reset does not count, so the second bound ends a loop whose target lies below the reset conductance.
        return outside & (state.n_pulses < write.max_pulses) & (state.n_trips < 2 * write.max_pulses)

    def pulse_and_read(state: _State) -> _State:
        for_pulse, for_read = _words(jax.random.fold_in(loop_key, state.n_trips))
        pulse = rule(g_aim_uS, state, normal_of(for_pulse), write)
        g_uS = jnp.clip(pulse.g_uS, 0.0, device.g_ceiling_uS)
        return _State(
            g_uS=g_uS,
            seen_uS=read(g_uS, for_read),
            n_pulses=state.n_pulses + pulse.counted,
            n_trips=state.n_trips + 1,
            energy_fJ=state.energy_fJ + pulse_energy_fJ(pulse.v_V, state.g_uS, g_uS, write.t_write_ns),
        )

    none = jnp.zeros_like(write.max_pulses)
    for_start, for_read = _words(start_key)
    if scheme == "compliance":
        g_uS = jnp.clip(_after_reset_uS(normal_of(for_start), write), 0.0, device.g_ceiling_uS)
    else:
        g_uS = device.g_min_uS + (device.g_max_uS - device.g_min_uS) * uniform_of(for_start)
    start = _State(g_uS, read(g_uS, for_read), none, none, jnp.zeros_like(g_uS))
    end = jax.lax.while_loop(unfinished, pulse_and_read, start)
    for_readout, _ = _words(readout_key)
    beyond_uS = write.readout_mean_uS + write.readout_sigma_uS * normal_of(for_readout)
    return Written(
        g_uS=jnp.clip(end.g_uS + beyond_uS, 0.0, device.g_ceiling_uS),
        n_pulses=end.n_pulses,
        verified=jnp.abs(end.seen_uS - g_aim_uS) <= write.tolerance_uS,
        energy_fJ=end.energy_fJ,
    )


def pulse_energy_fJ(
    v_V: Float[Array, ""], before_uS: Float[Array, ""], after_uS: Float[Array, ""], t_write_ns: Float[Array, ""]
) -> Float[Array, ""]:
    """Energy of one pulse: E = v^2 t (g_before + g_after) / 2, fJ (µS V^2 ns).

    Joule heat in the device of a rectangular pulse, its conductance taken as the mean of before and after. A sweep from
    0 to v in the same time takes a third of it; the access transistor, drivers and lines come on top.
    """
    return v_V**2 * t_write_ns * 0.5 * (before_uS + after_uS)


def _pulse_rule(g_aim_uS: Array, state: _State, z: Array, write: WriteParams) -> _Pulse:
    """Identical pulses between soft bounds: SET by `set (1 - g/bound)`, RESET by `reset g/bound`, each with its spread.

    References:
        Soft bounds, a step linear in the state and 0 at the bound: van Rossum et al., PLoS Comput. Biol. 8, e1002836
        (2012); for memristors, with a spread relative to the step, aihwkit's `SoftBoundsDevice`. A step backwards,
        which a normal spread would allow, is none here.
    """
    below = state.seen_uS < g_aim_uS
    share = state.g_uS / write.bound_uS
    mean_uS = jnp.where(below, write.set_uS * (1.0 - share), write.reset_uS * share)
    step_uS = _step_uS(mean_uS, z, write)
    return _Pulse(
        g_uS=state.g_uS + jnp.where(below, step_uS, -step_uS),
        v_V=jnp.where(below, write.v_set_V, write.v_reset_V),
        counted=jnp.ones_like(below),
    )


def _compliance_rule(g_aim_uS: Array, state: _State, z: Array, write: WriteParams) -> _Pulse:
    """SET with the compliance current raised by `factor (aim - read)`, or a reset where the read is past the tolerance.

    The raise of the current raises the conductance by `gain factor (aim - read)` on average, from wherever it is, since
    compliance limits how far the filament grows. An iteration is a SET with its read; a reset is part of the next one.

    References:
        ReADC, Nat. Commun. 16 (2025), doi 10.1038/s41467-025-65233-w: the scheme; gain and spread are a fit to its
        statistics. Ielmini, IEEE Trans. Electron Devices 58, 4309 (2011): compliance sets the filament's conductance.
    """
    past = state.seen_uS > g_aim_uS + write.tolerance_uS
    factor_V = jnp.where(state.n_pulses < write.n_early, write.factor_V, write.late_factor_V)
    raise_uS = _step_uS(write.gain_per_V * factor_V * (g_aim_uS - state.seen_uS), z, write)
    return _Pulse(
        g_uS=jnp.where(past, _after_reset_uS(z, write), state.g_uS + raise_uS),
        v_V=jnp.where(past, write.v_reset_V, write.v_set_V),
        counted=~past,
    )


_RULES: dict[str, _Rule] = {"pulses": _pulse_rule, "compliance": _compliance_rule}


def _step_uS(mean_uS: Array, z: Array, write: WriteParams) -> Array:
    """A step with its cycle-to-cycle spread, relative and absolute; never one backwards."""
    return jnp.maximum(mean_uS + jnp.hypot(write.spread_rel * mean_uS, write.spread_uS) * z, 0.0)


def _after_reset_uS(z: Array, write: WriteParams) -> Array:
    return write.g_reset_uS * jnp.maximum(1.0 + write.spread_rel * z, 0.0)


def _words(key: Key[Array, ""]) -> tuple[UInt32[Array, ""], UInt32[Array, ""]]:
    """Two random words: those of a key that is used for nothing else, since a further draw costs another hash."""
    words = jax.random.key_data(key)
    return words[0], words[1]
