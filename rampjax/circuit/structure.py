"""What the sampler takes: a static structure, which changes the compiled kernel, and traced parameters."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Array, Float, Int

from rampjax.circuit.ageing import SlowParams
from rampjax.circuit.calibration import CalibrationParams
from rampjax.circuit.comparator import FrontParams
from rampjax.circuit.device import DeviceParams
from rampjax.circuit.noise import NoiseParams
from rampjax.circuit.programming import ProgrammingParams
from rampjax.circuit.ramp import Conditions, RampParams
from rampjax.circuit.slow_noise import SlowNoiseParams
from rampjax.circuit.timing import TimingParams
from rampjax.target.arrays import TargetArrays


@dataclass(frozen=True)
class ColumnStructure:
    """The static part of a column: what changes the compiled kernel. Everything else is traced data."""

    ramp_aware: bool = False
    n_redundant: int = 1
    noisy_measurement: bool = False
    read_levels: bool = False  # a measurement reads the whole ramp at every level, not each step by itself
    stuck_cells: bool = False
    front: bool = False  # offsets, gain, clipping of the column itself
    n_bias: int = 0
    bias_trim: bool = False  # `one_point_bias`
    write_scheme: str | None = None  # None: plain programming
    n_taps: int = 0  # pulse widths of the grid where the ramp has errors; 0: the ramp is ideal
    leaky: bool = False  # finite gain of the integrator's amplifier
    settles: bool = False  # its output lags
    changed_conditions: bool = False  # used at other conditions than calibrated
    temperature: bool = False  # devices differ in their temperature coefficients
    slow: bool = False  # devices age
    slow_noise: bool = False  # read noise has a slow part
    lag: bool = False  # pre-amplifier
    continuous: bool = False  # late decisions
    undecided: str | None = None  # what a strobed latch gives that stays undecided; None: latches decide
    strobe_noise: bool = False  # comparator noise is drawn anew at each strobe
    n_removed: int = 0  # counts by which the counter starts later
    extra_noise: bool = False  # temporal noise beside the devices' read noise, of conversions or of measurements
    subset: bool = False  # a column run at fewer bits
    parallel: bool = False  # some steps have several devices


class ConverterParams(NamedTuple):
    """The traced part of a converter."""

    target: TargetArrays
    device: DeviceParams
    programming: ProgrammingParams
    ramp: RampParams
    calibrated: Conditions
    operating: Conditions
    follow: Float[Array, ""]  # of the ramp against the MAC's common factor; 1 for ratiometric references
    common: Conditions  # of the MAC in operation
    temperature_rel: Float[Array, ""]  # change of a conductance per unit of its own temperature coefficient
    slow: SlowParams
    slow_noise: SlowNoiseParams
    timing: TimingParams
    noise: NoiseParams  # of conversions
    measuring: NoiseParams  # of measurements, at the conditions of calibration
    front: FrontParams
    calibration: CalibrationParams
    g_target_uS: Float[Array, " entry"]
    v_target_V: Float[Array, " level"]  # what the ramp aims at
    aim_x: Float[Array, " level"]  # the same in x, v_target_V / scale_V
    entry_of: Int[Array, " level"]  # which step device, of all of them, starts from each level; read where `parallel`
    level_of: Int[Array, " threshold"]  # which level is which threshold of the target; read where `subset`
    scale_V: Float[Array, ""]  # volts per unit of x, a_V
