"""A chip as an ngspice netlist: the ramp column, its integrator, and columns that compare it with their MAC.

SI units, as SPICE has them. The ramp rises because its rows are driven negative: the integrator inverts.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rampjax.interop.spice.circuit import Row, SpiceCircuit

_EDGE: Final = 1e-4  # rise and fall time of every pulse, in clocks
_TRACKED: Final = 4  # edges for which a sampling switch is closed
_IDEAL_GAIN: Final = 1e6  # of an amplifier whose gain is infinite

LEVEL, DECISION = "v_level_{}", "t_decision_{}"


def netlist(circuit: SpiceCircuit, title: Sequence[str]) -> str:
    """The netlist as text; `ngspice -b` runs it and prints each held level and each decision.

    Args:
        circuit: the chip.
        title: lines that say what it is; the first one is the netlist's title.
    """
    first, *others = title
    sections = (
        [f"* {first}", *(f"* {line}" for line in others)],
        _settings(circuit),
        _column(circuit),
        _integrator(circuit),
        _hold(circuit),
        _comparators(circuit),
        _analysis(circuit),
        [".end"],
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _number(value: float, unit: str = "") -> str:
    return f"{value:.9g}{unit}"


def _settings(c: SpiceCircuit) -> list[str]:
    return [
        "* Charges are femtocoulombs: the tolerances must be far below SPICE's defaults.",
        ".options reltol=1e-6 abstol=1e-13 vntol=1e-9 chgtol=1e-20 trtol=1 method=trap",
        ".model access SW(vt=0.5 vh=0 ron=1m roff=1e16)",
    ]


def _pulse(level: str, start_ns: float, width_ns: float, edge_ns: float) -> str:
    """A trapezoid whose width at half height is `width_ns`."""
    return (
        f"PULSE(0 {level} {_number(start_ns)}n {_number(edge_ns)}n {_number(edge_ns)}n {_number(width_ns - edge_ns)}n)"
    )


def _column(c: SpiceCircuit) -> Iterator[str]:
    yield "* The ramp column. Each row: driver, memristor, access resistance, access switch (on only for its pulse)."
    if c.r_wire_MOhm > 0:
        yield "* Rw: the wire along the column, from each row to the one nearer to the integrator."
    for row in c.rows:
        yield from _row(c, row)


def _row(c: SpiceCircuit, row: Row) -> Iterator[str]:
    name, edge_ns = row.name, min(_EDGE * c.t_clk_ns, row.t_pulse_ns / 4)
    joint = "x" if row.place == 0 or c.r_wire_MOhm == 0 else f"w{row.place}"
    if joint != "x":
        before = "x" if row.place == 1 else f"w{row.place - 1}"
        yield f"Rw{name} {joint} {before} {_number(c.r_wire_MOhm)}meg"
    if row.t_pulse_ns <= 0:
        yield f"* row {name}: its pulse is too short to come at all"
        return
    yield f"Vrow{name} row{name} 0 {_pulse(_number(row.v_row_V), row.t_start_ns, row.t_pulse_ns, edge_ns)}"
    yield _memristor(c, row)
    inner = f"m{name}"
    if c.r_access_MOhm > 0:
        yield f"Racc{name} {inner} a{name} {_number(c.r_access_MOhm)}meg"
        inner = f"a{name}"
    on_ns = row.t_pulse_ns + edge_ns
    yield f"Vsel{name} sel{name} 0 {_pulse('1', max(row.t_start_ns - edge_ns / 2, 0.0), on_ns + edge_ns, edge_ns / 4)}"
    yield f"Sacc{name} {inner} {joint} sel{name} 0 access"
    if c.q_inj_fC != 0:
        width_ns = 20 * edge_ns
        current = _number(c.q_inj_fC / width_ns)  # fC/ns = µA
        yield f"Iinj{name} x 0 {_pulse(f'{current}u', row.t_start_ns, width_ns, edge_ns)}"


def _memristor(c: SpiceCircuit, row: Row) -> str:
    name, across, bend = row.name, f"row{row.name} m{row.name}", c.nonlinearity_per_V2
    if row.g_uS <= 0:
        return f"Rmem{name} {across} 1e18"
    if bend == 0:
        return f"Rmem{name} {across} {_number(1e3 / row.g_uS)}k"
    v = f"V(row{name},m{name})"
    at_nominal = _number(1 + bend * c.v_nominal_V**2)
    return f"Bmem{name} {across} I={_number(row.g_uS)}u*{v}*(1{bend:+.9g}*{v}**2)/{at_nominal}"


def _integrator(c: SpiceCircuit) -> Iterator[str]:
    yield "* The integrator: x is its virtual ground. Its capacitor is precharged, by a reference that follows the read"
    yield "* voltage, to where the ramp starts: with its offset taken out, or, without auto-zero, left on top of it."
    yield "* What each switch injects into x comes as it closes."
    start_V = c.start_V + c.reset_V
    out_V = start_V if c.gain is None else start_V / (1 + 1 / c.gain)
    yield f"Cint out x {_number(c.c_int_fF)}f ic={_number(start_V - c.v_os_V)}"
    yield f"Vos plus 0 {_number(c.v_os_V)}"
    if c.g_leak_uS > 0:
        yield f"Rleak x 0 {_number(1e3 / c.g_leak_uS)}k"
    if c.tau_settle_ns == 0:
        gain = _IDEAL_GAIN if c.gain is None else c.gain
        yield f"Eamp out 0 plus x {_number(gain)}"
        return
    # 1 pF at the only pole: gm = C / tau, less what the finite gain makes of it in the loop.
    loop = 1.0 if c.gain is None else 1 + 1 / c.gain
    gm_mS = 1 / (c.tau_settle_ns * loop)
    yield "* One pole: its unity-gain frequency is Gamp / Cpole."
    yield f"Gamp 0 pole plus x {_number(gm_mS)}m"
    yield f"Cpole pole 0 1p ic={_number(out_V)}"
    if c.gain is not None:
        yield f"Rpole pole 0 {_number(c.gain / gm_mS)}k"
    yield "Eamp out 0 pole 0 1"


def _hold(c: SpiceCircuit) -> Iterator[str]:
    edge_ns = _EDGE * c.t_clk_ns
    yield "* Each level is held while the next one is made; all columns see the staircase."
    yield f"Vhold hold 0 PWL(0 0 {_strobes(c.edges_ns, edge_ns)})"
    yield f"Bhold out cap I={_sampling(c, 'hold', 'out,cap')}"
    yield f"Chold cap 0 1f ic={_number(c.preamp_rest_V)}"
    if c.correction_gain != 1 or c.correction_V != 0:
        yield "* The correction of the calibration: gain and shift as the chip's own measurement has set them."
        yield f"Vshift shift 0 {_number(c.correction_V)}"
        yield f"Eheld held 0 POLY(2) cap 0 shift 0 0 {_number(c.correction_gain)} 1"
    else:
        yield "Eheld held 0 cap 0 1"


def _sampling(c: SpiceCircuit, strobe: str, across: str) -> str:
    """Current of a sampling switch that closes smoothly: a sudden one leaves SPICE without a time step."""
    ohms = 1e4 * _EDGE * c.t_clk_ns  # its time constant on 1 fF is a hundredth of an edge
    return f"V({strobe})*V({across})/{_number(ohms)}"


def _strobes(edges_ns: Iterable[float], edge_ns: float) -> str:
    """Corners of a wave that is 1 for `_TRACKED` edges before each instant half an edge after `edges_ns`.

    Corners must be further apart than what ngspice takes for one instant, 5e-5 of its largest step: it would lose all
    that follow.
    """
    corners = []
    for edge in edges_ns:
        at = float(edge) + edge_ns / 2
        rises = (at - (_TRACKED + 1) * edge_ns, at - _TRACKED * edge_ns)
        corners.append(
            " ".join(f"{_number(t)}n {v}" for t, v in zip((*rises, at - edge_ns / 2, at), "0110", strict=True))
        )
    return "\n+ ".join(corners)


def _comparators(c: SpiceCircuit) -> Iterator[str]:
    edge_ns = _EDGE * c.t_clk_ns
    first_ns = float(c.edges_ns[0]) + edge_ns / 2
    yield "* The columns: MAC voltage and comparator. They are enabled when the ramp has reached its start."
    yield f"Voff seen held {_number(c.offset_V)}"
    yield f"Ven en 0 PWL(0 0 {_number(first_ns)}n 0 {_number(first_ns + edge_ns)}n 1)"
    if c.kind == "strobed":
        # Before the hold begins to follow the next level.
        yield f"Vstrobe strobe 0 PWL(0 0 {_strobes([at - (_TRACKED + 4) * edge_ns for at in c.strobes_ns], edge_ns)})"
    for j, (x, mac_V) in enumerate(zip(c.x, c.mac_V, strict=True), 1):
        yield f"* column {j}: x = {_number(float(x))}"
        yield f"Vmac{j} mac{j} 0 {_number(float(mac_V))}"
        yield from _comparator(c, j, float(mac_V))


def _comparator(c: SpiceCircuit, j: int, mac_V: float) -> Iterator[str]:
    yield f"Eover{j} over{j} 0 seen mac{j} 1"
    input_ = f"over{j}"
    if c.tau_preamp_ns > 0:
        yield f"Rpre{j} over{j} pre{j} 1k"
        yield f"Cpre{j} pre{j} 0 {_number(c.tau_preamp_ns)}p ic={_number(c.preamp_rest_V + c.offset_V - mac_V)}"
        input_ = f"pre{j}"
    swing = _number(c.v_logic_V)
    flips = f"{_step(f'V({input_})')}"
    if c.kind == "strobed":
        yield f"Elatch{j} sampled{j} 0 {input_} 0 1"
        yield f"Bsample{j} sampled{j} latch{j} I={_sampling(c, 'strobe', f'sampled{j},latch{j}')}"
        yield f"Clatch{j} latch{j} 0 1f ic=-1"
        if c.tau_latch_ns > 0:
            # It regenerates to either side, until the next strobe takes it back.
            limit = _number(8 * c.v_logic_V)
            yield f"Bregen{j} 0 latch{j} I={_number(1 / c.tau_latch_ns)}u*V(latch{j})*(1-(V(latch{j})/{limit})**2)"
        flips = _step(f"V(latch{j})-{swing if c.tau_latch_ns > 0 else '0'}")
    elif c.tau_latch_ns > 0:
        gm, limit = f"{_number(1 / c.tau_latch_ns)}m", _number(8 * c.v_logic_V)
        # It is held in reset while the ramp is below, and regenerates what it sees above.
        yield f"Clatch{j} latch{j} 0 1p ic=0"
        yield (
            f"Bregen{j} 0 latch{j} I=V({input_})*V(en)>0 ? "
            f"{gm}*(V(latch{j})+V({input_}))*(1-((V(latch{j})+V({input_}))/{limit})**2) : -10*{gm}*V(latch{j})"
        )
        flips = _step(f"V(latch{j})+V({input_})-{swing}")
    yield f"Bout{j} flip{j} 0 V=V(en)*{flips}"
    if c.t_delay_ns > 0:
        # Its delay: a current that charges a capacitor up to one half.
        yield f"Gdelay{j} 0 out{j} flip{j} 0 1m"
        yield f"Cdelay{j} out{j} 0 {_number(2 * c.t_delay_ns)}p ic=0"


def _step(voltage: str) -> str:
    """0 below and 1 above 0 V, within some 10 µV."""
    return f"(0.5+0.5*tanh(1e5*({voltage})))"


def _analysis(c: SpiceCircuit) -> Iterator[str]:
    yield "* Each level as it is held, and when each comparator flips; one that never does has no decision."
    end_ns = c.end_ns
    yield f".tran {_number(c.t_clk_ns / 20)}n {_number(end_ns)}n 0 {_number(c.t_clk_ns / 10)}n uic"
    flips = [f"out{j}" if c.t_delay_ns > 0 else f"flip{j}" for j in range(1, len(c.x) + 1)]
    yield ".save v(held) v(out) " + " ".join(f"v({flip})" for flip in flips)
    for k, edge in enumerate(c.edges_ns, 1):
        yield f".meas tran {LEVEL.format(k)} FIND v(held) AT={_number(float(edge) + 0.25 * c.t_clk_ns)}n"
    for j, flip in enumerate(flips, 1):
        yield f".meas tran {DECISION.format(j)} WHEN v({flip})=0.5 RISE=1"
