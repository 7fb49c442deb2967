"""Plain words for keys and values: the names of settings, with the units that their own definitions have."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Final, TypeGuard

from rampjax.circuit.blocks import BLOCKS, info, knobs
from rampjax.config.device_fields import FIELDS

Value = str | float

NAMES: Final[dict[str, str]] = {
    "function": "function",
    "bits": "bits",
    "column_bits": "bits of the column",
    "levels": "levels",
    "range": "range of x",
    "inputs": "inputs",
    "method": "design",
    "case": "case",
    "calibration": "calibration",
    "device": "device",
    "device.g_min_uS": "smallest target",
    "device.g_max_uS": "largest target",
    "device.g_ceiling_uS": "ceiling of conductance",
    "device.n_levels": "levels of conductance",
    "device.bias_prog_uS": "mean programming shift",
    "device.sigma_prog_uS": "programming error σ",
    "device.failed_prob": "share of failed programming",
    "device.failed_bias_uS": "mean error of failed programming",
    "device.failed_sigma_uS": "error of failed programming σ",
    "device.sigma_read_uS": "read noise σ",
    "device.t_read_ns": "duration of a read",
    "device.tau_read_ns": "correlation time of the read noise",
    "device.stuck_off_prob": "share of devices stuck OFF",
    "device.stuck_on_prob": "share of devices stuck ON",
    "device.g_stuck_off_uS": "conductance when stuck OFF",
    "device.g_stuck_on_uS": "conductance when stuck ON",
    "device.v_read_V": "read voltage",
    "device.nonlinearity_per_V2": "nonlinearity of devices",
    "device.tc_rel_per_K": "temperature coefficient",
    "device.sigma_tc_rel_per_K": "temperature coefficient σ",
    "device.relax_mean_uS": "mean relaxation",
    "device.relax_sigma_uS": "relaxation σ",
    "device.relax_t0_s": "beginning of relaxation",
    "device.sigma_slow_uS": "slow read noise σ",
    "device.slow_t_lo_s": "shortest time of the slow read noise",
    "device.slow_t_hi_s": "longest time of the slow read noise",
    "device.sigma_drift_nu": "drift exponent σ",
    "device.drift_t0_s": "beginning of drift",
    "device.rtn_prob": "share of devices with telegraph noise",
    "device.rtn_amplitude_rel": "telegraph noise amplitude",
    "device.rtn_tau_s": "telegraph noise time",
    "device.write_tolerance_uS": "write-verify tolerance",
    "device.write_max_pulses": "most write pulses",
    "device.write_spread_rel": "relative spread of a write pulse",
    "device.write_spread_uS": "spread of a write pulse",
    "circuit.t_clk_ns": "clock period",
    "circuit.c_int_fF": "integration capacitance",
    "circuit.v_window_V": "voltage window",
    "circuit.pulse_grid": "pulse widths per clock",
    "circuit.t_min_ns": "shortest pulse",
    "circuit.n_bias": "bias devices",
    "circuit.bias_clocks": "clocks of a bias pulse",
    "circuit.n_reads": "reads per measurement",
    "circuit.read_by": "way of measuring",
    "circuit.sigma_measure_V": "measurement noise σ",
    "programming.mode": "programming",
    "ramp.opamp_gain": "amplifier gain",
    "ramp.v_os_V": "amplifier offset",
    "ramp.sigma_v_os_V": "amplifier offset σ",
    "ramp.auto_zero": "auto-zero",
    "ramp.sigma_c_int_rel": "capacitor mismatch σ",
    "ramp.sigma_v_read_rel": "read-voltage mismatch σ",
    "ramp.q_inj_fC": "injected charge",
    "ramp.sigma_q_inj_fC": "injected charge σ",
    "ramp.t_loss_ns": "lost time per pulse",
    "ramp.sigma_t_loss_ns": "lost time σ",
    "ramp.sigma_tap_ns": "pulse-width error σ",
    "ramp.sigma_jitter_ns": "jitter σ",
    "ramp.g_leak_uS": "leakage conductance",
    "ramp.r_access_MOhm": "access resistance",
    "ramp.r_wire_MOhm": "wire resistance per row",
    "ramp.tau_settle_ns": "settling time constant",
    "ramp.sigma_step_V": "step noise σ",
    "ramp.ktc_noise": "kT/C noise of the ramp",
    "ramp.thermal_noise": "thermal noise",
    "ramp.sigma_gradient_rel": "conductance gradient σ",
    "mac.sigma_gain_rel": "MAC gain mismatch σ",
    "mac.gain_trim_step_rel": "MAC gain trim step",
    "mac.gain_trim_range_rel": "MAC gain trim range",
    "mac.sigma_offset_V": "MAC offset σ",
    "mac.sigma_noise_V": "MAC noise σ",
    "mac.ktc_noise": "kT/C noise of the MAC",
    "mac.v_clip_V": "MAC clipping voltage",
    "comparator.sigma_offset_V": "comparator offset σ",
    "comparator.trim_step_V": "offset trim step",
    "comparator.trim_range_V": "offset trim range",
    "comparator.sigma_noise_V": "comparator noise σ",
    "comparator.noise_per": "comparator noise per",
    "comparator.kind": "comparator",
    "comparator.t_delay_ns": "comparator delay",
    "comparator.tau_latch_ns": "latch time constant",
    "comparator.tau_preamp_ns": "pre-amplifier time constant",
    "comparator.v_logic_V": "logic swing",
    "comparator.undecided": "undecided latch",
    "comparator.delay_removed": "delay removed",
    "operation.v_read_change_rel": "change of the read voltage",
    "operation.references": "references",
    "operation.temperature_K": "temperature",
    "operation.speed_corner_rel": "speed corner",
    "operation.c_corner_rel": "capacitor corner",
    "operation.age_s": "age",
    "operation.recalibrate_s": "recalibration interval",
    "array.n_columns": "columns",
    "array.n_spare": "spare columns",
    "array.n_ramps": "ramps",
}
# What is counted, one and many; and names of a kind, which say what they are a kind of.
_COUNTED: Final = {
    "bits": ("bit", "bits"),
    "circuit.n_bias": ("bias device", "bias devices"),
    "circuit.n_reads": ("read per measurement", "reads per measurement"),
    "array.n_columns": ("column", "columns"),
    "array.n_spare": ("spare column", "spare columns"),
    "array.n_ramps": ("ramp", "ramps"),
}
_KINDS: Final = ("levels", "programming.mode", "comparator.kind", "operation.references")
# How a column was designed: as a legend has it, and in a sentence.
_METHODS: Final = {
    "closed_form": ("closed form", "in closed form"),
    "published": ("published layout", "as published"),
    "solved": ("solved", "when solved"),
}
_NAMED: Final = ("function", "device", "range")  # their values are names that need no other
_NEVER_S = 1e9  # an interval of 30 years: no study is as old
_TIMES_S: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_GROUPED_FROM: Final = 10_000  # shorter numbers need no gap between their thousands


def full_name(key: str) -> str:
    """Returns the key under which `NAMES` has it: `n_reads` is short for `circuit.n_reads`."""
    return "circuit.n_reads" if key == "n_reads" else key


def reads_text(n_reads: int, read_by: str) -> str:
    """Returns how a measurement reads, as every headline must: "n_reads = 16, by steps", "n_reads = 0 (noise-free)"."""
    return f"n_reads = {n_reads}, by {read_by}" if n_reads else "n_reads = 0 (noise-free)"


def listed(texts: Sequence[str]) -> str:
    """Returns "a, b and c"."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def is_reads(key: str) -> bool:
    """Says whether a key counts reads, of which 0 means a noise-free measurement: as good as any number of them."""
    return full_name(key) == "circuit.n_reads"


def name_of(key: str) -> str:
    """Returns the plain name of a key: "programming error σ" for `device.sigma_prog_uS`."""
    return NAMES.get(full_name(key), key)


def unit_of(key: str) -> str:
    """Returns the unit of a key's values: "µS", "relative", or nothing."""
    section, _, field = full_name(key).partition(".")
    if section == "device":
        unit = FIELDS[field].unit if field in FIELDS else ""
    else:
        held = knobs(BLOCKS[section]) if section in BLOCKS else {}
        unit = info(held[field]).unit if field in held else ""
    unit = unit.partition(",")[0].partition(";")[0]
    return {"probability from 0 to 1": "", "exponent": "", "relative to g": "relative"}.get(unit, unit)


def axis_label(key: str) -> str:
    """Returns what an axis or the head of a table says: "Programming error σ (µS)"."""
    name, unit = name_of(key), unit_of(key)
    text = f"{name} ({unit})" if unit else name
    return text[0].upper() + text[1:]


def _is_number(value: object) -> TypeGuard[float]:
    # rows of a table hold numbers of NumPy's
    return isinstance(value, Real) and not isinstance(value, bool)


def show(value: Value) -> str:
    """Returns a value as text: numbers without trailing zeros, large ones with thin spaces or as powers of ten."""
    if not _is_number(value):
        return {"True": "yes", "False": "no"}.get(str(value), str(value))
    text = f"{value:g}"
    mantissa, e, exponent = text.partition("e")
    if e:
        power = f"10{str(int(exponent)).translate(_RAISED)}"
        text = power if mantissa == "1" else f"{mantissa} × {power}"
    elif value == int(value) and abs(value) >= _GROUPED_FROM:
        text = f"{int(value):,}".replace(",", "\u202f")
    return text.replace("-", "−")


def value_text(key: str, value: Value) -> str:
    """Returns a value with its unit, a time in the largest unit that divides it: "4 µS", "1 d", "∞" for n_reads = 0."""
    if is_reads(key) and value == 0:
        return "∞"
    if full_name(key) == "operation.recalibrate_s" and float(value) >= _NEVER_S:
        return "never"
    unit = unit_of(key)
    if not _is_number(value) or unit in ("", "relative"):
        return show(value)
    if unit == "s":
        for length_s, short in _TIMES_S:
            if value and value % length_s == 0:
                return f"{show(value / length_s)} {short}"
    return f"{show(value)} {unit}"


def setting(key: str, value: Value) -> str:
    """Returns what a legend or a title calls a value: "programming error σ = 4 µS", "128 columns", "uncalibrated"."""
    full = full_name(key)
    if key == "calibration":
        return "uncalibrated" if value == "none" else str(value)
    if key == "method":
        return _METHODS[str(value)][0]
    if key == "case":
        return f"{value} case"
    if is_reads(key) and value == 0:
        return "noise-free measurement"
    if full in _COUNTED and _is_number(value):
        return f"{show(value)} {_COUNTED[full][value != 1]}"
    if full == "circuit.read_by":
        return f"reads by {value}"
    if full in _KINDS:
        return f"{str(value).replace('_', '-')} {name_of(key)}"
    if key in _NAMED:
        return str(value)
    if full == "operation.age_s" and value == 0:
        return "fresh"
    return f"{name_of(key)} = {value_text(key, value)}"


def describe(key: str, value: Value) -> str:
    """Returns what a sentence says of a point: "with ramp_aware", "at 5 bits", "with fixed references"."""
    if key == "method":
        return _METHODS[str(value)][1]
    words = setting(key, value)
    if words in ("uncalibrated", "fresh"):
        return words
    if key in ("function", "device"):
        return f"{'for' if key == 'function' else 'on'} {words}"
    full = full_name(key)
    if key == "case":
        return f"in the {words}"
    if key == "bits" or " = " in words or full == "range":
        return f"at {words}"
    article = {"comparator.kind": "an " if words[0] in "aeiou" else "a "}.get(full, "")
    return f"with {article}{words}"


def between(key: str, low: Value, high: Value) -> str:
    """Returns the range of a swept number: "0 and 8 spare columns", "age = 1 s and 365 d"."""
    full = full_name(key)
    if full in _COUNTED:
        return f"{value_text(key, low)} and {value_text(key, high)} {_COUNTED[full][1]}"
    return f"{name_of(key)} = {value_text(key, low)} and {value_text(key, high)}"


def slice_text(where: Mapping[str, Value]) -> str:
    """Returns a slice for a title or caption: "sigmoid, 5 bits, taox_paper, 4 reads per measurement"."""
    return ", ".join(setting(key, value) for key, value in where.items())
