"""Calibration: what a measurement of the ramp is used for. Pure functions of the ramp as measured.

Programming (`ramp_aware`: each step aims at the distance that remains, so that errors do not add up), then correction
(`one_point`: an ideal shift; `one_point_bias`: the same by bias devices with errors of their own; `two_point`: shift
and gain), then selection among redundant columns. What is measured is the settled ramp, in the same operation: with the
charge that it loses, without the lag of its output. A measurement averages `n_reads` reads; `n_reads = 0` stands for a
noise-free one. There are two ways to read. By steps: a tester reads device after device, each by itself, and sums;
the error of a level is the sum of the errors of the steps below it, and each step is read once. By levels: it reads the
whole ramp anew at every level, whose errors are independent. Either way a read feels the noise of the devices, jitter,
step noise, kT/C and the instrument.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Int8

from rampjax.circuit.cells import Picked
from rampjax.circuit.device import DeviceParams
from rampjax.circuit.noise import Accrued, NoiseSlots, accrue, accrued_V2, no_noise, step_noise_V2
from rampjax.circuit.programming import Draw, ProgrammingParams, program, read_sigma_uS
from rampjax.circuit.ramp import RampParams, RampState, Slots, add_entry, deviation_of, start_ramp, volts_per_uS
from rampjax.circuit.write_verify import Written
from rampjax.metrics import root

CORRECTIONS = ("none", "one_point", "two_point")  # the number of a correction is its place here
_LEAST_SPAN = 1e-5  # of the ideal ramp; in single precision less is no ramp


class CalibrationParams(NamedTuple):
    """The traced part of a calibration: the kind of correction is data, so that one kernel serves all three."""

    correction: Int[Array, ""]  # place in CORRECTIONS; `one_point_bias` acts on devices, and here as `none`
    middle: Int[Array, ""]  # index of the middle threshold, where `one_point` is right
    last: Int[Array, ""]  # index of the last threshold; `two_point` is right there and at the first
    read_averaging: Float[Array, ""]  # 1/sqrt(n_reads); 0 for a noise-free measurement


class Reading(NamedTuple):
    """How a measurement reads a ramp."""

    slots: NoiseSlots  # of every entry
    averaging: Float[Array, ""]  # 1/sqrt(n_reads)
    by_levels: bool
    extra: bool  # whether there is noise beside the devices' read noise


def step_error_uS(
    z: Float[Array, "*entry"],
    read_uS: Float[Array, "*entry"],
    g_uS: Float[Array, "*entry"],
    gain: Float[Array, "*entry"],
    slots: NoiseSlots,
    reading: Reading,
) -> Float[Array, "*entry"]:
    """Error of one device read by itself, as a conductance, µS: what is off in volts, over what 1 µS adds.

    Args:
        z: standard normal, one per device.
        read_uS: standard deviation of its read noise, µS.
        g_uS: what it conducts, µS.
        gain: what 1 µS adds to the ramp, V/µS; anything but 0 where there is no pulse.
        slots: of its entry.
        reading: how it is read.
    """
    return z * reading.averaging * root(step_noise_V2(read_uS, g_uS, slots, reading.extra)) / jnp.abs(gain)


def program_ramp_aware(
    draw: Draw,
    z_read: Float[Array, " entry"] | None,
    health: Int8[Array, " entry"] | None,
    slots: Slots,
    ramp: RampParams,
    device: DeviceParams,
    programming: ProgrammingParams,
    reading: Reading,
    scheme: str | None = None,
) -> tuple[Float[Array, " entry"], Written | Picked | None]:
    """Programs the entries in order, each aimed at what remains to its threshold after those before, as measured.

    aim_k = clip((T_{k+1} - V_k^measured) c_int / (v_read t_pulse_k), g_min, g_max). What the ramp itself adds (lost
    time, injection, a mismatched width) or loses (to the amplifier) is measured with it, and so taken back by the
    entries that follow. Of devices in parallel those programmed so far conduct while the ramp is measured.

    Args:
        draw: what each programming event draws from, see `draw_programming`.
        z_read: standard normal, one per read step or level; None for a noise-free measurement.
        health: which devices are stuck; None where none can be.
        slots: the ramp's entries as they are on this chip.
        ramp: the ramp's parameters.
        device: the device's parameters.
        programming: the write-verify loop's parameters.
        reading: how the ramp is measured.
        scheme: of the write-verify loop; None for plain programming.

    Returns:
        The conductances reached, µS, and how the loops went, or which measured cells were taken.
    """
    gain = volts_per_uS(ramp)
    # Padded entries have no pulse: 0/0 must not reach the ones before, so their gain is 1 here.
    safe_gain = jnp.where(gain != 0, gain, 1.0)

    by_levels = z_read is not None and reading.by_levels
    by_steps = z_read is not None and not reading.by_levels
    first = (ramp.n_clk > 0) | (gain == 0)

    def step(ahead: tuple[RampState, Accrued], inputs: tuple) -> tuple[tuple, tuple[Array, Written | Picked | None]]:
        one, z_m, cell, slot, safe, noise, is_first = inputs
        ramp_so_far, noise_so_far = ahead
        missed_V = deviation_of(ramp_so_far)
        if by_levels:
            missed_V = missed_V + z_m * reading.averaging * root(accrued_V2(noise_so_far, noise))
        aim_uS = jnp.clip(slot.g_target_uS - missed_V / safe, device.g_min_uS, device.g_max_uS)
        g_uS, written = program(one, aim_uS, cell, device, programming, scheme)
        read_uS = read_sigma_uS(g_uS, cell, device)
        # Only a read of the whole ramp feels what the entries before have added to the noise.
        after = accrue(noise_so_far, read_uS, g_uS, is_first, noise) if by_levels else noise_so_far
        seen_uS = g_uS + step_error_uS(z_m, read_uS, g_uS, safe, noise, reading) if by_steps else g_uS
        return (add_entry(ramp_so_far, seen_uS, slot), after), (g_uS, written)

    start = (start_ramp(slots), no_noise(gain[0]))
    inputs = (draw, z_read, health, slots, safe_gain, reading.slots, first)
    _, (g_uS, written) = jax.lax.scan(step, start, inputs)
    return g_uS, written


def bias_aim_uS(
    measured_V: Float[Array, " threshold"],
    seen_uS: Float[Array, " bias"],
    gain: Float[Array, " bias"],
    device: DeviceParams,
    calibration: CalibrationParams,
) -> Float[Array, " bias"]:
    """Where `one_point_bias` aims the bias devices: the start from which the ramp, as measured, is right in the middle.

    All aim at mean(g) - D_m / sum(gain): from what they are measured to have, so that what their pulses add beside the
    devices (injection, lost time) is corrected with the rest.

    Args:
        measured_V: deviation of the ramp as measured with the present bias devices, V.
        seen_uS: what they are measured to have, µS.
        gain: what 1 µS of each adds to the start, V/µS.
        device: the device's parameters: aims stay inside `[g_min_uS, g_max_uS]`.
        calibration: which threshold is the middle.
    """
    aim_uS = jnp.mean(seen_uS) - measured_V[calibration.middle] / jnp.sum(gain)
    return jnp.clip(jnp.full_like(seen_uS, aim_uS), device.g_min_uS, device.g_max_uS)


def correct_ramp(
    deviation_V: Float[Array, " threshold"],
    measured_V: Float[Array, " threshold"],
    v_target_V: Float[Array, " threshold"],
    calibration: CalibrationParams,
) -> Float[Array, " threshold"]:
    """Corrects a ramp by what was measured of it; all in deviations D from the ideal ramp V.

    one_point: D - D_m at the middle threshold m. two_point: shift and gain such that the ramp, as measured, is right at
    the first and the last threshold, D' = (G - 1) (V - V_1) + G (D - D_1), with the gain
    G = (V_K - V_1) / (V_K - V_1 + D_K - D_1); a random walk becomes a Brownian bridge.

    Args:
        deviation_V: deviation of the true ramp, shape (threshold,), V.
        measured_V: its deviation as measured, V: the correction is computed from it.
        v_target_V: the ideal ramp, V.
        calibration: which correction, and at which thresholds.

    Returns:
        The deviation that remains, V.
    """
    one_point_V = deviation_V - measured_V[calibration.middle]
    rise_V = v_target_V - v_target_V[0]
    gain_less_1 = _two_point_gain_less_1(measured_V, v_target_V, calibration)
    two_point_V = gain_less_1 * rise_V + (1.0 + gain_less_1) * (deviation_V - measured_V[0])
    kinds = (deviation_V, one_point_V, two_point_V)
    return jnp.select([calibration.correction == i for i in range(3)], kinds)


def correction_gain_less_1(
    measured_V: Float[Array, " threshold"], v_target_V: Float[Array, " threshold"], calibration: CalibrationParams
) -> Float[Array, ""]:
    """What a correction multiplies every step of the ramp by, less 1; see `correct_ramp`."""
    scales = calibration.correction == CORRECTIONS.index("two_point")
    return jnp.where(scales, _two_point_gain_less_1(measured_V, v_target_V, calibration), 0.0)


def _two_point_gain_less_1(measured_V: Array, v_target_V: Array, calibration: CalibrationParams) -> Array:
    excess_V = measured_V[calibration.last] - measured_V[0]
    span_V = v_target_V[calibration.last] - v_target_V[0] + excess_V
    # A ramp that does not rise at all (every device stuck OFF) has no gain to correct; what rounding leaves is none.
    rises = span_V > _LEAST_SPAN * (v_target_V[calibration.last] - v_target_V[0])
    return jnp.where(rises, -excess_V / jnp.where(rises, span_V, 1.0), 0.0)
