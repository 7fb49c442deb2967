"""One sampled chip as a circuit: what each element of its netlist is, in actual volts and at its own conditions.

Every figure is what stands on that chip: conductances as programmed and aged, pulses with what they lose, the
capacitor with its mismatch. Volts are those of the circuit, not referred to nominal conditions.
"""

from dataclasses import dataclass

import numpy as np

from rampjax.circuit.blocks import NOMINAL_K
from rampjax.circuit.converter import Column
from rampjax.circuit.design import Design
from rampjax.circuit.timing import removed_counts


@dataclass(frozen=True)
class Row:
    """One row of the ramp column: a driver, a memristor and its access switch."""

    name: str  # b1, b2, ... for bias devices, then 1, 2, ... along the column
    g_uS: float  # conductance at its reading voltage
    v_row_V: float  # level of its read pulse, negative where it raises the ramp
    t_start_ns: float  # when its pulse starts
    t_pulse_ns: float  # how long its pulse lasts; 0: it never comes
    place: int  # segments of wire between it and the integrator


@dataclass(frozen=True, eq=False)
class SpiceCircuit:
    """A chip with one conversion of several inputs, each in a column of its own that reads the same ramp."""

    rows: tuple[Row, ...]
    nonlinearity_per_V2: float
    v_nominal_V: float  # read voltage at which the conductances hold
    r_access_MOhm: float
    r_wire_MOhm: float
    g_leak_uS: float
    q_inj_fC: float
    c_int_fF: float
    start_V: float  # what the capacitor is precharged to
    gain: float | None  # of the integrator's amplifier; None: infinite
    tau_settle_ns: float  # 0: it settles at once
    v_os_V: float
    reset_V: float  # what of the offset the reset leaves on the capacitor's far side; 0: it is auto-zeroed
    t_clk_ns: float
    edges_ns: np.ndarray  # (level,) when the ramp has reached each level, and is held
    correction_gain: float  # of the held ramp
    correction_V: float
    x: np.ndarray  # (column,) inputs
    mac_V: np.ndarray  # (column,) voltage of each MAC
    offset_V: float  # of every comparator
    kind: str
    t_delay_ns: float
    tau_latch_ns: float
    tau_preamp_ns: float
    v_logic_V: float
    n_removed: int  # clocks by which the counter starts later
    volts: float  # volts of the circuit per volt referred to what MAC and ramp have in common
    preamp_rest_V: float  # what the pre-amplifier has settled to when the ramp starts

    @property
    def strobes_ns(self) -> np.ndarray:
        """(level,) when a strobed latch samples each level: at the end of its clock, before the next is held."""
        return np.append(self.edges_ns[1:], self.edges_ns[-1] + self.t_clk_ns)

    @property
    def end_ns(self) -> float:
        """When the last decision has fallen, or never will."""
        late_ns = self.t_delay_ns + 40 * self.tau_latch_ns + 12 * self.tau_preamp_ns
        return float(self.edges_ns[-1]) + (self.n_removed + 3) * self.t_clk_ns + late_ns


def spice_circuit(design: Design, chip: Column, x: np.ndarray) -> SpiceCircuit:
    """The circuit of one chip.

    Args:
        design: its design.
        chip: what was drawn for it, of `sample_chip`.
        x: (column,) inputs, in units of the function's argument; each has a column of its own, with the same errors.
    """
    circuit, device, operation = design.circuit, design.device, design.circuit.operation
    ramp, comparator, errors = circuit.ramp, circuit.comparator, chip.ramp.errors
    fixed = operation.references == "fixed"
    speed, corner = operation.speed_corner_rel, operation.c_corner_rel
    mac_rel = _common_rel(design, operation.v_read_change_rel, operation.temperature_K)
    ramp_rel = 1.0 if fixed else mac_rel
    v_read_V = device.v_read_V * (1.0 if fixed else 1 + operation.v_read_change_rel)
    v_os_V = 0.0 if errors is None else float(errors.v_os_V)
    short = 1.0 if ramp.opamp_gain is None else 1 + 1 / ramp.opamp_gain
    volts = mac_rel / corner / short
    own_V = ramp_rel / corner / short  # volts of the ramp per volt at nominal conditions
    rows, edges_ns = _rows(design, chip, v_read_V, 1.0 if fixed else _warm(design))
    start_V = 0.0 if design.n_bias else design.start_V
    gain, shift_V = _correction(design, chip)
    front = chip.front
    gain_rel, offset_V, mac_offset_V = (
        (0.0, 0.0, 0.0) if front is None else (float(front.gain_rel), float(front.offset_V), float(front.mac_offset_V))
    )
    mac_V = design.scale_V * x * volts * (1 + gain_rel) + mac_offset_V
    clip_V = circuit.mac.v_clip_V
    kind = comparator.kind
    timed = kind != "ideal"
    return SpiceCircuit(
        rows=rows,
        nonlinearity_per_V2=device.nonlinearity_per_V2,
        v_nominal_V=device.v_read_V,
        r_access_MOhm=ramp.r_access_MOhm,
        r_wire_MOhm=ramp.r_wire_MOhm,
        g_leak_uS=ramp.g_leak_uS,
        q_inj_fC=0.0 if errors is None else float(errors.q_inj_fC),
        c_int_fF=design.c_int_fF * corner * (1.0 if errors is None else 1 + float(errors.c_int_rel)),
        start_V=start_V * ramp_rel / corner,
        gain=ramp.opamp_gain,
        tau_settle_ns=ramp.tau_settle_ns * speed,
        v_os_V=v_os_V,
        reset_V=0.0 if ramp.auto_zero else v_os_V,
        t_clk_ns=circuit.t_clk_ns,
        edges_ns=edges_ns,
        correction_gain=gain,
        correction_V=shift_V * own_V,
        x=x,
        mac_V=mac_V if clip_V is None else np.clip(mac_V, -clip_V, clip_V),
        offset_V=offset_V + mac_offset_V,
        kind=kind,
        t_delay_ns=comparator.t_delay_ns * speed if timed else 0.0,
        tau_latch_ns=comparator.tau_latch_ns * speed if timed else 0.0,
        tau_preamp_ns=comparator.tau_preamp_ns * speed if timed else 0.0,
        v_logic_V=comparator.v_logic_V,
        n_removed=removed_counts(comparator, circuit.t_clk_ns)
        if kind == "continuous" and comparator.delay_removed
        else 0,
        volts=volts,
        preamp_rest_V=design.start_V * own_V + (0.0 if ramp.auto_zero else v_os_V),
    )


def _common_rel(design: Design, change_rel: float, temperature_K: float) -> float:
    """Read current at given conditions against the nominal one."""
    beta, v_V = design.device.nonlinearity_per_V2, design.device.v_read_V
    w_V = v_V * (1 + change_rel)
    supply = (1 + change_rel) * (1 + beta * w_V**2) / (1 + beta * v_V**2)
    return supply * (1 + design.device.tc_rel_per_K * (temperature_K - NOMINAL_K))


def _warm(design: Design) -> float:
    """What temperature does to every conductance alike."""
    return 1 + design.device.tc_rel_per_K * (design.circuit.operation.temperature_K - NOMINAL_K)


def _correction(design: Design, chip: Column) -> tuple[float, float]:
    """Gain and shift (referred volts) that the calibration has given to the ramp by what it measured."""
    measured_V, correction = chip.ramp.measured_V, design.calibration.correction
    if correction == "one_point":
        return 1.0, -float(measured_V[(len(measured_V) - 1) // 2])
    if correction == "two_point":
        span_V = design.v_ramp_V[-1] - design.v_ramp_V[0]
        rise_V = span_V + measured_V[-1] - measured_V[0]
        gain = float(span_V / rise_V) if rise_V > 0 else 1.0
        return gain, float((1 - gain) * design.v_ramp_V[0] - gain * measured_V[0])
    return 1.0, 0.0


def _rows(design: Design, chip: Column, v_read_V: float, warm: float) -> tuple[tuple[Row, ...], np.ndarray]:
    """The rows with their pulses, and when each level is reached.

    A pulse starts with the clock of its step. A pulse that outlasts its step holds the clock up, so that the level is
    complete when it is held.
    """
    circuit, errors = design.circuit, chip.ramp.errors
    t_clk_ns, n_bias = circuit.t_clk_ns, design.n_bias
    v_on_V = v_read_V * (1.0 if errors is None else 1 + float(errors.v_read_rel))
    gradient = 0.0 if errors is None else float(errors.gradient_rel)
    n_steps_devices = len(design.step_of)
    now_ns = 2e-3 * t_clk_ns  # the precharge ends as the first pulse starts
    rows, edges_ns = [], []

    def add(name: str, index: int, sign: float, t_pulse_ns: float, place: int, along: float) -> float:
        t_eff_ns = _effective_ns(design, chip, t_pulse_ns, bias=place == 0)
        g_uS = float(chip.g_uS[index]) * warm * (1 + gradient * along)
        rows.append(Row(name, g_uS, -sign * v_on_V, now_ns, t_eff_ns, place))
        return t_eff_ns

    for i in range(n_bias):
        lasts_ns = add(f"b{i + 1}", i, design.bias_sign, design.t_bias_ns, 0, 0.0)
        now_ns += max(circuit.bias_clocks * t_clk_ns, lasts_ns)
    edges_ns.append(now_ns)
    device = 0
    for step, count in enumerate(design.n_devices):
        lasts_ns = 0.0
        for _ in range(int(count)):
            along = device / max(n_steps_devices - 1, 1) - 0.5
            lasts_ns = add(f"{device + 1}", n_bias + device, 1.0, design.t_pulse_ns[step], device + 1, along)
            device += 1
        now_ns += max(int(design.n_clk[step]) * t_clk_ns, lasts_ns)
        edges_ns.append(now_ns)
    return tuple(rows), np.array(edges_ns)


def _effective_ns(design: Design, chip: Column, t_pulse_ns: float, bias: bool) -> float:
    """How long a pulse lasts on this chip."""
    errors, circuit = chip.ramp.errors, design.circuit
    if errors is None:
        return float(t_pulse_ns)
    tap = round(t_pulse_ns * circuit.pulse_grid / circuit.t_clk_ns) - 1
    if bias:
        tap = min(tap, circuit.pulse_grid - 1)
    return max(float(t_pulse_ns + errors.tap_ns[tap] - errors.t_loss_ns), 0.0)
