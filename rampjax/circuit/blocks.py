"""The settings of a converter, block by block: every figure with its unit, the clock on which it varies, its limits.

Plain values on the host, without jax: files and command line are checked against these fields, and the physics is
built from them. What varies is zero, and what limits is absent, unless asked for. Four clocks: static (once per chip
or column), per programming event, slow (between recalibrations), temporal (at each read or conversion).
"""

from dataclasses import Field, dataclass, field, fields
from typing import Any, Final, Literal

from rampjax.checks import InputError

MOST_DELAY_CLOCKS: Final = 32
NOMINAL_K: Final = 300.0  # temperature of programming and calibration
LARGEST: Final = 1e9  # of any figure, in its unit
# The figures of a write-verify loop that belong to one scheme: given with it, and only with it.
SCHEME_FIGURES: Final[dict[str, tuple[str, ...]]] = {
    "pulses": ("set_uS", "reset_uS", "bound_uS"),
    "compliance": ("g_reset_uS", "gain_per_V", "factor_V", "late_factor_V", "n_early"),
}
SETTING: Final = "a setting, no variation"
SYSTEMATIC: Final = "static, the same on every chip"
PER_CHIP: Final = "static, once per chip (ramp)"
PER_COLUMN: Final = "static, once per column"
PER_READ: Final = "temporal, new at every conversion"
SLOW: Final = "slow, between recalibrations"


@dataclass(frozen=True)
class Info:
    """What a figure means: unit, clock, one plain sentence, and the limits that it must keep by itself."""

    unit: str
    clock: str
    help: str
    low: float | None = None
    high: float | None = None
    positive: bool = False  # above 0, not only at least `low`


def knob(default: Any, unit: str, clock: str, help: str, **limits: Any) -> Any:
    """A dataclass field that carries its `Info`."""
    return field(default=default, metadata={"info": Info(unit, clock, help, **limits)})


def _sigma(unit: str, clock: str, help: str) -> Any:
    return knob(0.0, unit, clock, help, low=0.0)


Mode = Literal["plain", "write_verify"]
Kind = Literal["ideal", "continuous", "strobed"]
Undecided = Literal["neighbour", "mixture", "random"]
NoisePer = Literal["conversion", "strobe"]
ReadBy = Literal["steps", "levels"]
References = Literal["ratiometric", "fixed"]


@dataclass(frozen=True)
class Programming:
    """How devices are programmed."""

    mode: Mode = knob(
        "plain",
        "",
        SETTING,
        "plain: one draw of the preset's programming error; write_verify: its loop, pulse by pulse",
    )


@dataclass(frozen=True)
class Ramp:
    """Non-idealities of the ramp column and its integrator."""

    opamp_gain: float | None = knob(
        None, "", SYSTEMATIC, "DC gain of the integrator's amplifier; absent: infinite", low=1.0
    )
    v_os_V: float = knob(0.0, "V", SYSTEMATIC, "mean input offset of the integrator's amplifier")
    sigma_v_os_V: float = _sigma("V", PER_CHIP, "standard deviation of that offset")
    auto_zero: bool = knob(
        True, "", SETTING, "the reset takes the offset out of the ramp; false: the whole ramp is shifted by it as well"
    )
    sigma_c_int_rel: float = _sigma("relative", PER_CHIP, "mismatch of the ramp's integration capacitor")
    sigma_v_read_rel: float = _sigma("relative", PER_CHIP, "error of the ramp's read voltage against the MAC's")
    q_inj_fC: float = knob(0.0, "fC", SYSTEMATIC, "mean charge injected by each read pulse")
    sigma_q_inj_fC: float = _sigma("fC", PER_CHIP, "standard deviation of the injected charge, one value per chip")
    t_loss_ns: float = knob(0.0, "ns", SYSTEMATIC, "mean time that each read pulse loses (edges, access RC)", low=0.0)
    sigma_t_loss_ns: float = _sigma("ns", PER_CHIP, "standard deviation of the lost time, one value per chip")
    sigma_tap_ns: float = _sigma("ns", PER_CHIP, "error of each pulse width of the grid, one value per width and chip")
    sigma_jitter_ns: float = _sigma("ns", PER_READ, "jitter of each read pulse")
    g_leak_uS: float = knob(
        0.0, "µS", SYSTEMATIC, "sum of the conductances of all unselected rows, in every clock", low=0.0
    )
    r_access_MOhm: float = knob(0.0, "MΩ", SYSTEMATIC, "resistance in series with every device (access)", low=0.0)
    r_wire_MOhm: float = knob(0.0, "MΩ", SYSTEMATIC, "resistance of the wire from one row to the next", low=0.0)
    tau_settle_ns: float = knob(
        0.0,
        "ns",
        SYSTEMATIC,
        "time constant of the integrator's amplifier: its output lags, and its virtual ground moves, during each pulse",
        low=0.0,
    )
    sigma_step_V: float = _sigma("V", PER_READ, "noise that each step adds to the ramp")
    ktc_noise: bool = knob(False, "", PER_READ, "kT/C noise of the ramp's capacitor, sampled when it is reset")
    thermal_noise: bool = knob(
        False, "", PER_READ, "thermal noise of the devices: a charge of variance 2 k T g t in each read pulse t"
    )
    sigma_gradient_rel: float = _sigma(
        "relative", PER_CHIP, "linear gradient of conductance along the column, from end to end"
    )


@dataclass(frozen=True)
class Mac:
    """The column that computes what is converted; `scale_V` times x is its ideal voltage."""

    sigma_gain_rel: float = _sigma("relative", PER_COLUMN, "gain mismatch (its capacitor against the ramp's)")
    gain_trim_step_rel: float = knob(0.0, "relative", SETTING, "step of the gain trim; 0: no trim", low=0.0)
    gain_trim_range_rel: float = knob(0.0, "relative", SETTING, "the gain trim reaches plus and minus this", low=0.0)
    sigma_offset_V: float = _sigma("V", PER_COLUMN, "offset of its amplifier with the charge injected into it")
    sigma_noise_V: float = _sigma("V", PER_READ, "noise of its voltage (read noise of its devices, amplifier)")
    ktc_noise: bool = knob(False, "", PER_READ, "kT/C noise of its capacitor, sampled when it is reset")
    v_clip_V: float | None = knob(
        None, "V", SYSTEMATIC, "its voltage is clipped at plus and minus this; absent: never", positive=True
    )


@dataclass(frozen=True)
class Comparator:
    """The comparator and its timing."""

    sigma_offset_V: float = _sigma("V", PER_COLUMN, "input offset, before any trim")
    trim_step_V: float = knob(
        0.0, "V", SETTING, "step of the trim of the offsets of comparator and MAC together; 0: no trim", low=0.0
    )
    trim_range_V: float = knob(0.0, "V", SETTING, "the trim reaches plus and minus this", low=0.0)
    sigma_noise_V: float = _sigma("V", PER_READ, "input noise")
    noise_per: NoisePer = knob(
        "conversion",
        "",
        SETTING,
        "input noise is drawn once per conversion, or at every strobe anew: the first crossing then comes early",
    )
    kind: Kind = knob(
        "ideal",
        "",
        SETTING,
        "ideal: no timing; continuous: a late decision falls in a later step; strobed: an undecided one is metastable",
    )
    t_delay_ns: float = knob(0.0, "ns", SYSTEMATIC, "constant part of its delay", low=0.0)
    tau_latch_ns: float = knob(
        0.0, "ns", SYSTEMATIC, "regeneration: it needs tau ln(v_logic / overdrive) beside the constant delay", low=0.0
    )
    tau_preamp_ns: float = knob(0.0, "ns", SYSTEMATIC, "time constant of its one-pole pre-amplifier", low=0.0)
    v_logic_V: float = knob(0.8, "V", SETTING, "swing that a decision needs", positive=True)
    undecided: Undecided = knob(
        "neighbour",
        "",
        SETTING,
        "an undecided strobed latch gives either neighbouring code (Gray-coded or synchronised counter), a mixture of "
        "their words (binary counter), or a random code",
    )
    delay_removed: bool = knob(
        True, "", SETTING, "the counter starts later by the constant delay, in whole clocks; false: codes come late"
    )


@dataclass(frozen=True)
class Operation:
    """Conditions and age at which a chip is used; it was programmed and calibrated at nominal ones, at age 0."""

    v_read_change_rel: float = knob(
        0.0, "relative", SYSTEMATIC, "common change of the read voltage of ramp and MAC", low=-0.9, high=9.0
    )
    references: References = knob(
        "ratiometric", "", SETTING, "ratiometric: the ramp follows the read voltage; fixed: it does not, the MAC does"
    )
    temperature_K: float = knob(NOMINAL_K, "K", SYSTEMATIC, "temperature; programmed at 300 K", low=1.0, high=1000.0)
    speed_corner_rel: float = knob(
        1.0, "relative", SYSTEMATIC, "process corner: factor on every delay and time constant", positive=True
    )
    c_corner_rel: float = knob(
        1.0, "relative", SYSTEMATIC, "process corner: factor on every capacitor, of ramp and MAC alike", positive=True
    )
    age_s: float = knob(0.0, "s", SLOW, "time since programming; 0: fresh", low=0.0)
    recalibrate_s: float | None = knob(
        None, "s", SLOW, "interval between recalibrations; absent: calibrated once, at age 0", positive=True
    )


@dataclass(frozen=True)
class Array:
    """Many columns, one chip: a chip is as good as the worst column that it needs."""

    n_columns: int = knob(1, "", SETTING, "columns that must work", low=1, high=16_384)
    n_spare: int = knob(0, "", SETTING, "spare columns beside them: the worst ones are not used", low=0, high=4_096)
    n_ramps: int = knob(1, "", SETTING, "ramp columns; each serves an equal share of the columns", low=1, high=1_024)


@dataclass(frozen=True)
class Circuit:
    """The circuit around the devices, on the host."""

    t_clk_ns: float = knob(1.0, "ns", SETTING, "clock period: the ramp makes one step per clock", positive=True)
    c_int_fF: float | None = knob(
        None, "fF", SETTING, "integration capacitance; absent: the ramp just fits the window", positive=True
    )
    v_window_V: float = knob(0.5, "V", SETTING, "ramp and MAC voltage stay within plus and minus this", positive=True)
    pulse_grid: int = knob(
        1,
        "",
        SETTING,
        "read pulses are multiples of t_clk_ns / pulse_grid: above 1, small steps are short pulses on large "
        "conductances",
        low=1,
        high=64,
    )
    t_min_ns: float = knob(0.0, "ns", SETTING, "shortest read pulse that its driver can make", low=0.0)
    n_bias: int | None = knob(
        None,
        "",
        SETTING,
        "bias devices that make the start of the ramp; absent: an exact start, except that `one_point_bias` takes as "
        "many as the start needs",
        low=0,
        high=64,
    )
    bias_clocks: int = knob(1, "", SETTING, "clocks for which each bias device is read", low=1, high=64)
    n_reads: int = knob(
        0,
        "",
        "per programming event",
        "reads averaged by every measurement, of a calibration or of a write-verify loop, each with the device's read "
        "noise; 0: noise-free",
        low=0,
        high=1_000_000,
    )
    read_by: ReadBy = knob(
        "steps",
        "",
        SETTING,
        "how a measurement reads the ramp, where `n_reads` is not 0: steps, each by itself, summed up; levels, the "
        "whole ramp anew at each",
    )
    sigma_measure_V: float = _sigma("V", "per programming event", "noise of the instrument that measures, of each read")
    programming: Programming = Programming()
    ramp: Ramp = Ramp()
    mac: Mac = Mac()
    comparator: Comparator = Comparator()
    operation: Operation = Operation()
    array: Array = Array()


BLOCKS: Final[dict[str, type]] = {
    "circuit": Circuit,
    "programming": Programming,
    "ramp": Ramp,
    "mac": Mac,
    "comparator": Comparator,
    "operation": Operation,
    "array": Array,
}


def knobs(block: type) -> dict[str, Field]:
    """The figures of a block by name; the blocks inside `Circuit` are none."""
    return {item.name: item for item in fields(block) if "info" in item.metadata}


def info(item: Field) -> Info:
    """What a figure means."""
    found: Info = item.metadata["info"]
    return found


def check_circuit(circuit: Circuit) -> None:
    """Raises InputError unless every figure keeps its limits, and none contradicts another."""
    for section, block in BLOCKS.items():
        held = circuit if section == "circuit" else getattr(circuit, section)
        for name, item in knobs(block).items():
            _check_figure(f"{section}.{name}", getattr(held, name), info(item))
    array, comparator = circuit.array, circuit.comparator
    if circuit.t_min_ns > circuit.t_clk_ns:
        raise InputError(
            f"`circuit.t_min_ns` must be at most one clock, `circuit.t_clk_ns` ({circuit.t_clk_ns:g}), but is "
            f"{circuit.t_min_ns:g}."
        )
    if array.n_ramps > array.n_columns:
        raise InputError(
            f"`array.n_ramps` must be at most `array.n_columns` ({array.n_columns}), but is {array.n_ramps}."
        )
    if comparator.kind == "continuous" and comparator.noise_per == "strobe":
        raise InputError(
            "`comparator.noise_per` must be conversion on a continuous comparator, which has no strobes, but is strobe."
        )
    delay_clocks = comparator.t_delay_ns * circuit.operation.speed_corner_rel / circuit.t_clk_ns
    if comparator.kind == "continuous" and delay_clocks > MOST_DELAY_CLOCKS:
        raise InputError(
            f"`comparator.t_delay_ns` must be at most {MOST_DELAY_CLOCKS} clocks on a continuous comparator, but is "
            f"{delay_clocks:.4g}."
        )


def _check_figure(key: str, value: Any, limits: Info) -> None:
    if isinstance(value, str | bool) or value is None:
        return
    if not -LARGEST <= value <= LARGEST:  # NaN too
        raise InputError(f"`{key}` must be a number of at most {LARGEST:g}, but is {value}.")
    if limits.positive and value <= 0:
        raise InputError(f"`{key}` must be positive, but is {value}.")
    if limits.low is not None and value < limits.low:
        raise InputError(f"`{key}` must be at least {limits.low:g}, but is {value}.")
    if limits.high is not None and value > limits.high:
        raise InputError(f"`{key}` must be at most {limits.high:g}, but is {value}.")
