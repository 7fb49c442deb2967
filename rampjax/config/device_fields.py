"""What each field of a device means: its unit, and on which clock it varies.

The question most often asked of a simulator: is a variation drawn once for each device (device-to-device, static) or
anew at every read (cycle-to-cycle, temporal), and is it in percent or in µS? Here every one is in µS, a probability,
or a share of the conductance ("relative", never percent). Pure Python: `--help` is built from it.
"""

from dataclasses import dataclass
from typing import Final

from rampjax.circuit.blocks import SETTING, SLOW, SYSTEMATIC

LIMIT: Final = "a limit, no variation"
PER_PROGRAMMING: Final = "static, set once per programming event"
PER_DEVICE: Final = "static, once per device"
PER_PULSE: Final = "new at every write pulse, then static"
PER_READ: Final = "temporal, new at every read (cycle-to-cycle)"
SLOW_PER_DEVICE: Final = f"{SLOW}; differs from device to device"

ZERO_ACTS: Final = ("tau_read_ns",)  # where 0 is a value like any other: white noise, not none
WRITE: Final = "write_"  # what the fields of the table [write] begin with, outside of a device file


@dataclass(frozen=True)
class FieldInfo:
    """What a field of a device means: its unit, the clock of its variation, and one plain sentence."""

    unit: str
    clock: str
    help: str
    settable: bool = True  # by one number; what is not stands in device files only


FIELDS: Final[dict[str, FieldInfo]] = {
    "g_min_uS": FieldInfo("µS", LIMIT, "Smallest conductance that may be a target."),
    "g_max_uS": FieldInfo("µS", LIMIT, "Largest conductance that may be a target."),
    "g_ceiling_uS": FieldInfo(
        "µS", LIMIT, "Physical ceiling at which a realised conductance is clipped; absent: none."
    ),
    "n_levels": FieldInfo(
        "", LIMIT, "Number of targets that can be told apart, evenly spaced from g_min to g_max; absent: any."
    ),
    "bias_prog_uS": FieldInfo(
        "µS, absolute; may depend on the conductance g",
        PER_PROGRAMMING,
        "Mean of realised minus target conductance after programming, in every device.",
    ),
    "sigma_prog_uS": FieldInfo(
        "µS, not percent; may depend on the conductance g",
        PER_PROGRAMMING,
        "Standard deviation of the programming error: differs from device to device, stays the same at every read.",
    ),
    "error_quantiles": FieldInfo(
        "standard deviations",
        PER_PROGRAMMING,
        "How the programming error is distributed: its quantiles at evenly spaced probabilities, of mean 0 and "
        "standard deviation 1, for all targets or a row for each of several, mixed between them; absent: normal.",
        settable=False,
    ),
    "failed_prob": FieldInfo(
        "probability from 0 to 1, not percent; may depend on the conductance g",
        PER_PROGRAMMING,
        "Share of programming events that fail in plain mode, where bias_prog_uS and sigma_prog_uS are those of the "
        "others; absent: none, or all in one.",
    ),
    "failed_bias_uS": FieldInfo(
        "µS, absolute; may depend on the conductance g",
        PER_PROGRAMMING,
        "Mean of realised minus target conductance where programming failed.",
    ),
    "failed_sigma_uS": FieldInfo(
        "µS, not percent; may depend on the conductance g",
        PER_PROGRAMMING,
        "Standard deviation of the error where programming failed.",
    ),
    "sigma_read_uS": FieldInfo(
        "µS, not percent; may depend on the conductance g",
        PER_READ,
        "Standard deviation of the read noise: each device's conductance differs from read to read.",
    ),
    "t_read_ns": FieldInfo(
        "ns", SETTING, "Duration of the read at which sigma_read_uS holds; it acts beside tau_read_ns only."
    ),
    "tau_read_ns": FieldInfo(
        "ns",
        PER_READ,
        "Correlation time of the read noise within and between pulses: 0 is white noise; absent: frozen within a "
        "pulse, new at every conversion.",
    ),
    "stuck_off_prob": FieldInfo(
        "probability from 0 to 1, not percent", PER_DEVICE, "Share of devices stuck at a low conductance."
    ),
    "stuck_on_prob": FieldInfo(
        "probability from 0 to 1, not percent", PER_DEVICE, "Share of devices stuck at a high conductance."
    ),
    "g_stuck_off_uS": FieldInfo("µS", PER_DEVICE, "Conductance of a device that is stuck off, whatever its target."),
    "g_stuck_on_uS": FieldInfo("µS", PER_DEVICE, "Conductance of a device that is stuck on, whatever its target."),
    "v_read_V": FieldInfo("V", SETTING, "Read voltage across each device."),
    "nonlinearity_per_V2": FieldInfo(
        "per V²",
        SYSTEMATIC,
        "Cubic term b of the current, i = g v (1 + b v²) / (1 + b v_read²): g holds at the read voltage.",
    ),
    "tc_rel_per_K": FieldInfo(
        "relative per K, not percent", SYSTEMATIC, "Temperature coefficient of the conductance, common to all devices."
    ),
    "sigma_tc_rel_per_K": FieldInfo(
        "relative per K, not percent",
        PER_DEVICE,
        "Standard deviation of the temperature coefficient from device to device.",
    ),
    "relax_mean_uS": FieldInfo(
        "µS; constant (at 1 s) and per_ln (per ln of the age in s); may depend on the conductance g",
        SLOW,
        "Mean shift of the conductance since programming.",
    ),
    "relax_sigma_uS": FieldInfo(
        "µS; constant (at 1 s) and per_ln (per ln of the age in s); may depend on the conductance g",
        SLOW_PER_DEVICE,
        "Standard deviation of the shift since programming, beside the programming error.",
    ),
    "relax_t0_s": FieldInfo(
        "s",
        SETTING,
        "Age at which the law of relaxation begins: a younger device is taken as this old, one just programmed as "
        "unchanged; absent: 1 s.",
    ),
    "relax_quantiles": FieldInfo(
        "standard deviations",
        SLOW_PER_DEVICE,
        "How the shift since programming is distributed over its standard deviation: quantiles as in error_quantiles, "
        "by the conductance as programmed, for all ages or for each of several, mixed between them by the logarithm of "
        "the age; absent: normal.",
        settable=False,
    ),
    "aged_sigma_uS": FieldInfo(
        "µS, not percent; may depend on the conductance g",
        SLOW_PER_DEVICE,
        "Standard deviation of the whole error at several ages, from sigma_prog_uS on; dropped where sigma_prog_uS or "
        "relax_sigma_uS is set by the user.",
        settable=False,
    ),
    "sigma_slow_uS": FieldInfo(
        "µS per root e-fold of time constants, not percent; may depend on the conductance g",
        SLOW_PER_DEVICE,
        "Standard deviation of the slow (1/f) part of the read noise, that a calibration sees and conversions share "
        "until it has wandered; a fitted relaxation already contains it, so it stands beside none.",
    ),
    "slow_t_lo_s": FieldInfo(
        "s", SETTING, "Shortest time constant of the slow read noise: the duration of a measurement."
    ),
    "slow_t_hi_s": FieldInfo("s", SETTING, "Longest time constant of the slow read noise."),
    "drift_nu": FieldInfo(
        "exponent; slope, intercept, low, high",
        SLOW,
        "Drift g(t) = g (t / drift_t0_s)^-nu, with nu = slope ln(g / g_max_uS) + intercept, kept between low and high.",
        settable=False,
    ),
    "sigma_drift_nu": FieldInfo(
        "exponent",
        SLOW_PER_DEVICE,
        "Standard deviation of the drift's exponent from device to device; in a device file also by slope, intercept, "
        "low and high, as drift_nu.",
    ),
    "drift_t0_s": FieldInfo("s", SETTING, "Age at which drift begins."),
    "rtn_prob": FieldInfo(
        "probability from 0 to 1, not percent", PER_DEVICE, "Share of devices with random telegraph noise."
    ),
    "rtn_amplitude_rel": FieldInfo(
        "relative to g, not percent", SLOW_PER_DEVICE, "Distance between the two levels of the telegraph noise."
    ),
    "rtn_tau_s": FieldInfo("s", SLOW, "Mean time that the telegraph noise stays in a level."),
    "write_scheme": FieldInfo("", SETTING, "How write-verify moves a device: pulses or compliance.", settable=False),
    "write_tolerance_uS": FieldInfo("µS", SETTING, "Write-verify stops when a read is within plus and minus this."),
    "write_max_pulses": FieldInfo(
        "", SETTING, "Pulses after which write-verify gives up; compliance: SETs, resets not counted."
    ),
    "write_spread_rel": FieldInfo(
        "relative to the step, not percent", PER_PULSE, "Cycle-to-cycle spread of a step, relative to it."
    ),
    "write_v_set_V": FieldInfo("V", SETTING, "Voltage of a SET pulse, for the write energy."),
    "write_v_reset_V": FieldInfo("V", SETTING, "Magnitude of the voltage of a RESET pulse, for the write energy."),
    "write_t_write_ns": FieldInfo("ns", SETTING, "Duration of one write pulse, for the write energy."),
    "write_spread_uS": FieldInfo("µS", PER_PULSE, "Cycle-to-cycle spread of a step, beside the relative one."),
    "write_readout_mean_uS": FieldInfo(
        "µS", PER_PROGRAMMING, "Mean that the published error has beyond the loop's window (readout, relaxation)."
    ),
    "write_readout_sigma_uS": FieldInfo(
        "µS", PER_PROGRAMMING, "Spread that the published error has beyond the loop's window (readout, relaxation)."
    ),
    "write_set_uS": FieldInfo("µS", PER_PULSE, "Pulses: mean SET step of a device at 0 µS, falling to 0 at the bound."),
    "write_reset_uS": FieldInfo(
        "µS", PER_PULSE, "Pulses: mean RESET step of a device at the bound, falling to 0 at 0 µS."
    ),
    "write_bound_uS": FieldInfo("µS", LIMIT, "Pulses: soft bound of the conductance, above g_max_uS."),
    "write_g_reset_uS": FieldInfo("µS", PER_PULSE, "Compliance: mean conductance after a reset."),
    "write_gain_per_V": FieldInfo(
        "µS/µA", PER_PULSE, "Compliance: mean raise of conductance per raise of compliance current."
    ),
    "write_factor_V": FieldInfo("µA/µS", SETTING, "Compliance: raise of compliance current per missing conductance."),
    "write_late_factor_V": FieldInfo("µA/µS", SETTING, "Compliance: the same after the early iterations."),
    "write_n_early": FieldInfo("", SETTING, "Compliance: iterations with the first factor."),
}
