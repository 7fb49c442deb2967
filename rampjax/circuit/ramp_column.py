"""One ramp column: programmed and calibrated at nominal conditions, aged, and taken into use at its own conditions.

What is static is drawn once; what is temporal is returned as the standard deviation of each comparison.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Int8, Key

from rampjax.circuit.ageing import age_devices
from rampjax.circuit.calibration import Reading, bias_aim_uS, correct_ramp, program_ramp_aware, step_error_uS
from rampjax.circuit.cells import Picked, aged_cells_uS
from rampjax.circuit.draws import standard_normal
from rampjax.circuit.noise import NoiseParams, device_noise_V2, noise_slots
from rampjax.circuit.programming import HEALTHY, draw_programming, program, read_sigma_uS, sample_health
from rampjax.circuit.ramp import (
    Conditions,
    RampErrors,
    Slots,
    ideal_slots,
    ramp_deviation_V,
    real_slots,
    sample_ramp_errors,
    sum_before,
    volts_per_uS,
)
from rampjax.circuit.seen import Held, at_levels, held_ramp, seen_ramp
from rampjax.circuit.slow_noise import wander
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.circuit.write_verify import Written
from rampjax.metrics import max_inl_lsb, realise, root

# Each source of randomness has its own stream: switching one on leaves the draws of the others as they were.
_PROGRAM, _HEALTH, _MEASURE = 0, 1, 2
_RAMP, _AGE, _TEMPERATURE, _BIAS, _DRIVER = 5, 6, 7, 8, 9  # 3 and 4 are those of the column that reads the ramp
_WANDER, _FAILED, _FAILED_BIAS = 13, 14, 15
_N_STREAMS = 16  # of each redundant column

Stream = Callable[[int], Key[Array, ""]]  # the key of a source of randomness


class Ramp(NamedTuple):
    """One programmed ramp column, calibrated, as it is in use: what all the columns of an array share."""

    g_uS: Float[Array, " entry"]  # conductances in use
    deviation_V: Float[Array, " threshold"]  # of the ramp that comparators see from what it aims at, referred
    n_rises: Int[Array, " threshold"]  # how often it has risen above all before: a bin between equal ones is none
    sigma_V: Float[Array, " threshold"]  # temporal noise of each comparison, from conversion to conversion, referred
    undecided_V: Float[Array, " threshold"] | None  # flips as much early or late by undecided latches; None: none do
    written: Written | None  # how the write-verify loops went
    errors: RampErrors | None  # what was drawn for it; None where its entries are ideal
    measured_V: Float[Array, " level"]  # its deviation as measured for its correction: settled, referred
    held_V: Float[Array, " level"]  # deviation of the held staircase, corrected, before comparators see it; referred


def sample_ramp(key: Key[Array, ""], params: ConverterParams, structure: ColumnStructure) -> Ramp:
    """Programs, corrects and selects one ramp column, and takes it into use.

    A redundant column has devices and an integrator of its own, but shares the drivers of its rows. The one whose
    measurement shows the least worst INL is selected; its true ramp is returned.
    """
    if structure.n_redundant == 1:
        found, _ = _candidate(key, 0, params, structure)
    else:
        indices = jnp.arange(structure.n_redundant)
        each, seen = jax.vmap(lambda index: _candidate(key, index, params, structure))(indices)
        chosen = jax.nn.one_hot(jnp.argmin(seen), structure.n_redundant, dtype=seen.dtype)
        found = jax.tree.map(lambda values: _pick(values, chosen), each)
        loops = each.written
        if loops is not None:  # every column that was programmed took its pulses
            pulses, energy_fJ = (jnp.sum(values, axis=0) for values in (loops.n_pulses, loops.energy_fJ))
            found = found._replace(written=found.written._replace(n_pulses=pulses, energy_fJ=energy_fJ))
    flips = seen_ramp(found.held, params, structure)
    sigma_V = noise_V(found.g_uS, found.health, flips.chance_V2, params, structure)
    return Ramp(
        g_uS=found.g_uS,
        deviation_V=_levels(flips.deviation_V, params, structure),
        n_rises=_levels(flips.n_rises, params, structure),
        sigma_V=_levels(sigma_V, params, structure),
        undecided_V=None if flips.undecided_V is None else _levels(flips.undecided_V, params, structure),
        written=found.written,
        errors=found.errors,
        measured_V=found.measured_V,
        held_V=found.held.deviation_V,
    )


class _Candidate(NamedTuple):
    """One of the redundant columns in use."""

    g_uS: Float[Array, " entry"]
    held: Held
    written: Written | None
    errors: RampErrors | None
    measured_V: Float[Array, " level"]
    health: Int8[Array, " entry"] | None


def _pick(each: Array, chosen: Array) -> Array:
    # A one-hot sum, not a gather: under vmap a gather of whole rows is slow on CPU.
    weights = chosen.reshape(-1, *([1] * (each.ndim - 1)))
    return jnp.sum(each * weights, axis=0).astype(each.dtype)


def _candidate(
    key: Key[Array, ""], index: Int[Array, ""] | int, params: ConverterParams, structure: ColumnStructure
) -> tuple[_Candidate, Array]:
    """One of the redundant columns in use, and its worst INL as measured."""

    def stream(source: int) -> Key[Array, ""]:
        return jax.random.fold_in(key, source + _N_STREAMS * index)

    device, ramp, calibration, n_bias = params.device, params.ramp, params.calibration, structure.n_bias
    errors = None
    if structure.n_taps:
        errors = sample_ramp_errors(stream(_RAMP), jax.random.fold_in(key, _DRIVER), ramp, structure.n_taps)
    slots = _slots(errors, params, params.calibrated, structure)
    z_while, *z_after = _measurement_draws(stream(_MEASURE), params, structure)
    noise = noise_slots(ramp, device, params.measuring, n_bias)
    reading = Reading(noise, calibration.read_averaging, structure.read_levels, structure.extra_noise)
    health = sample_health(stream(_HEALTH), ramp.sign.shape[0], device) if structure.stuck_cells else None
    g_uS, went = _program(stream, z_while, health, slots, reading, params, structure)
    picked = went if isinstance(went, Picked) else None
    written = _of_devices(went, ramp.t_pulse_ns > 0) if isinstance(went, Written) else None
    aged = _age(stream(_AGE), g_uS, picked, health, params) if structure.slow else (g_uS, g_uS)
    g_then_uS, g_now_uS = _wander(stream, aged, health, params, structure)
    measured_V, seen_bias_uS = _measured(z_after[0], g_then_uS, health, slots, reading, params, structure)
    if structure.bias_trim:
        g_bias_uS, rewritten = _trim_bias(stream, measured_V, seen_bias_uS, health, params, structure)
        if written is not None and isinstance(rewritten, Written):
            written = _join_loops(written, rewritten)
        change_uS = jnp.zeros_like(g_uS).at[:n_bias].set(g_bias_uS - aged[0][:n_bias])
        trimmed = (jnp.maximum(aged[0] + change_uS, 0.0), jnp.maximum(aged[1] + change_uS, 0.0))
        g_then_uS, g_now_uS = _wander(stream, trimmed, health, params, structure)
        measured_V, _ = _measured(z_after[1], g_then_uS, health, slots, reading, params, structure)
    if structure.temperature:
        z = standard_normal(stream(_TEMPERATURE), g_uS.size)
        g_now_uS = jnp.maximum(g_now_uS * (1.0 + device.sigma_tc_rel_per_K * params.temperature_rel * z), 0.0)
    used = _slots(errors, params, params.operating, structure) if structure.changed_conditions else slots
    held = held_ramp(g_now_uS, measured_V, used, params, structure)
    seen_x = params.aim_x + correct_ramp(measured_V, measured_V, params.v_target_V, calibration) / params.scale_V
    # Only selection looks at this number; where there is none, the compiler drops it.
    seen = realise(_levels(seen_x, params, structure), params.target)
    return _Candidate(g_now_uS, held, written, errors, measured_V, health), max_inl_lsb(seen, params.target)


def _slots(
    errors: RampErrors | None, params: ConverterParams, conditions: Conditions, structure: ColumnStructure
) -> Slots:
    if errors is None:
        return ideal_slots(params.ramp, params.g_target_uS)
    return real_slots(params.ramp, params.g_target_uS, errors, conditions, structure.leaky, structure.settles)


def _measurement_draws(
    key: Key[Array, ""], params: ConverterParams, structure: ColumnStructure
) -> tuple[Array | None, ...]:
    """What the measurements draw: while programming, of the ramp, and of the ramp with its bias devices trimmed."""
    if not structure.noisy_measurement:
        return None, None, None
    return tuple(standard_normal(key, 3 * params.g_target_uS.size).reshape(3, -1))


def _measured(
    z: Array | None,
    g_uS: Array,
    health: Array | None,
    slots: Slots,
    reading: Reading,
    params: ConverterParams,
    structure: ColumnStructure,
) -> tuple[Array, Array]:
    """The ramp as a measurement shows it, its deviation at every level (V), and its bias devices (µS)."""
    n_bias, gain = structure.n_bias, volts_per_uS(params.ramp)
    if z is not None and not reading.by_levels:
        safe_gain = jnp.where(gain != 0, gain, 1.0)
        read_uS = read_sigma_uS(g_uS, health, params.device)
        g_uS = g_uS + step_error_uS(z, read_uS, g_uS, safe_gain, reading.slots, reading)
    measured_V = at_levels(ramp_deviation_V(g_uS, slots, n_bias), params, structure)
    if z is None or not reading.by_levels:
        return measured_V, g_uS[:n_bias]
    measuring = params.measuring
    variance_V2 = noise_V2(g_uS, health, measuring, params, structure)
    level_V2 = measuring.ktc_fF_V2 / params.ramp.c_int_fF + measuring.level_V2
    # A start without devices is exact: there is nothing to read.
    is_read = jnp.arange(measured_V.shape[0]) >= (0 if n_bias else 1)
    error_V = z[: measured_V.shape[0]] * reading.averaging * root(jnp.where(is_read, variance_V2 + level_V2, 0.0))
    if not n_bias:
        return measured_V + error_V, g_uS[:0]
    # What the level of the start shows is shared by the devices that make it.
    return measured_V + error_V, g_uS[:n_bias] + error_V[0] / jnp.sum(gain[:n_bias])


def _age(
    key: Key[Array, ""], g_uS: Array, picked: Picked | None, health: Array | None, params: ConverterParams
) -> tuple[Array, Array]:
    """Conductances at the last calibration and now, by laws or as the cells that were picked; stuck devices stay."""
    cells, device = params.programming.cells, params.device
    if picked is not None and cells is not None:
        aged = aged_cells_uS(picked, cells, device.g_ceiling_uS)
    else:
        aged = age_devices(key, g_uS, device, params.slow)
    if health is None:
        return aged
    then_uS, now_uS = (jnp.where(health == HEALTHY, each, g_uS) for each in aged)
    return then_uS, now_uS


def _wander(
    stream: Stream,
    aged_uS: tuple[Array, Array],
    health: Array | None,
    params: ConverterParams,
    structure: ColumnStructure,
) -> tuple[Array, Array]:
    """Conductances at the last calibration and now with their slow noise; a stuck device has none, as it ages not.

    A bias device that is programmed anew keeps the noise that it had.
    """
    if not structure.slow_noise:
        return aged_uS
    z = standard_normal(stream(_WANDER), 2 * aged_uS[0].size).reshape(2, -1)
    noisy = wander(z, *aged_uS, params.slow_noise)
    if health is None:
        return noisy
    then_uS, now_uS = (jnp.where(health == HEALTHY, *pair) for pair in zip(noisy, aged_uS, strict=True))
    return then_uS, now_uS


def _program(
    stream: Stream,
    z_while: Array | None,
    health: Array | None,
    slots: Slots,
    reading: Reading,
    params: ConverterParams,
    structure: ColumnStructure,
) -> tuple[Array, Written | Picked | None]:
    device, scheme, shape = params.device, structure.write_scheme, params.g_target_uS.shape
    draw = draw_programming(stream(_PROGRAM), stream(_FAILED), shape, scheme, device)
    if structure.ramp_aware:
        return program_ramp_aware(
            draw, z_while, health, slots, params.ramp, device, params.programming, reading, scheme
        )
    # Entries of the padding are no devices: an aim inside the range ends their write-verify loops at once, or nearly.
    aim_uS = jnp.where(params.ramp.t_pulse_ns > 0, params.g_target_uS, device.g_min_uS)
    return program(draw, aim_uS, health, device, params.programming, scheme)


def _trim_bias(
    stream: Stream,
    measured_V: Array,
    seen_uS: Array,
    health: Array | None,
    params: ConverterParams,
    structure: ColumnStructure,
) -> tuple[Array, Written | Picked | None]:
    """The bias devices, programmed anew where `one_point_bias` aims them; a stuck one stays as it is.

    At a recalibration they go on ageing as the old ones would have: the relaxation of a fresh device is left out.
    """
    device, scheme, bias = params.device, structure.write_scheme, slice(structure.n_bias)
    aim_uS = bias_aim_uS(measured_V, seen_uS, volts_per_uS(params.ramp)[bias], device, params.calibration)
    draw = draw_programming(stream(_BIAS), stream(_FAILED_BIAS), (structure.n_bias,), scheme, device)
    stuck = None if health is None else health[bias]
    return program(draw, aim_uS, stuck, device, params.programming, scheme)


def _of_devices(written: Written, exists: Bool[Array, " entry"]) -> Written:
    """The loops without those of padded entries, which are no devices."""
    return written._replace(
        n_pulses=jnp.where(exists, written.n_pulses, 0),
        verified=written.verified | ~exists,
        energy_fJ=jnp.where(exists, written.energy_fJ, 0.0),
    )


def _join_loops(first: Written, again: Written) -> Written:
    """The loops of all devices when the first few, the bias devices, are programmed a second time."""
    n = again.g_uS.shape[0]
    return Written(
        g_uS=first.g_uS.at[:n].set(again.g_uS),
        n_pulses=first.n_pulses.at[:n].add(again.n_pulses),
        verified=first.verified.at[:n].set(again.verified),
        energy_fJ=first.energy_fJ.at[:n].add(again.energy_fJ),
    )


def _levels(at_level: Array, params: ConverterParams, structure: ColumnStructure) -> Array:
    """The levels of the column that are thresholds of the target."""
    return at_level[params.level_of] if structure.subset else at_level


def noise_V2(
    g_uS: Float[Array, " entry"],
    health: Int8[Array, " entry"] | None,
    noise: NoiseParams,
    params: ConverterParams,
    structure: ColumnStructure,
) -> Float[Array, " level"]:
    """Variance of each level of the ramp by temporal noise: every read takes each device once, so variances add up.

    Devices in parallel share their pulse and so its jitter: their conductances add up before the square.

    Args:
        g_uS: conductances.
        health: which devices are stuck; None where none are known to be.
        noise: of conversions, or of measurements.
        params: traced parameters.
        structure: static structure.

    Returns:
        V², without what a comparison or a reading has beside it.
    """
    slots = noise_slots(params.ramp, params.device, noise, structure.n_bias)
    read_uS = read_sigma_uS(g_uS, health, params.device)
    variance_V2 = device_noise_V2(read_uS, g_uS, slots, structure.extra_noise)
    if structure.extra_noise:
        jitter_V = _pulsed_uS(g_uS, params, structure) * slots.jitter_V_per_uS
        # Of devices in parallel the first one takes the clock, and the noise of the step.
        variance_V2 = variance_V2 + jitter_V**2 + jnp.where(params.ramp.n_clk > 0, slots.step_V2, 0.0)
    return at_levels(sum_before(variance_V2)[structure.n_bias :], params, structure)


def noise_V(
    g_uS: Float[Array, " entry"],
    health: Int8[Array, " entry"] | None,
    chance_V2: Float[Array, " level"] | None,
    params: ConverterParams,
    structure: ColumnStructure,
) -> Float[Array, " level"]:
    """Temporal noise of each comparison: that of the ramp (`noise_V2`) and what it has beside (kT/C, MAC, comparator).

    Args:
        g_uS: conductances in use.
        health: which devices are stuck; None where none are known to be.
        chance_V2: variance of what comparators draw anew at each strobe; None: nothing.
        params: traced parameters.
        structure: static structure.
    """
    noise = params.noise
    variance_V2 = noise_V2(g_uS, health, noise, params, structure)
    if structure.changed_conditions:
        # What does not follow the MAC's common factor weighs more or less against it.
        variance_V2 = variance_V2 * params.follow**2
    if structure.extra_noise:
        variance_V2 = variance_V2 + noise.ktc_fF_V2 / params.ramp.c_int_fF + noise.level_V2
    return root(variance_V2 if chance_V2 is None else variance_V2 + chance_V2)


def _pulsed_uS(g_uS: Array, params: ConverterParams, structure: ColumnStructure) -> Array:
    """What each pulse reads: the first of devices in parallel stands for all of its step, the others for nothing."""
    if not structure.parallel:
        return g_uS
    n_bias, first = structure.n_bias, params.entry_of[:-1]
    of_steps = jnp.diff(at_levels(sum_before(g_uS)[n_bias:], params, structure))
    # Levels of the padding all start from one entry, which has no pulse.
    return g_uS.at[n_bias:].set(0.0).at[n_bias + first].add(of_steps)
