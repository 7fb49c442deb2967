"""The netlist of a chip, and what ngspice makes of it beside the model and beside closed forms."""

import dataclasses
import math
import re
import shutil

import numpy as np
import pytest

import rampjax as rj
from rampjax.circuit.blocks import Circuit, Comparator, Mac, Operation, Ramp
from rampjax.interop.spice.circuit import spice_circuit
from rampjax.interop.spice.compare import chip_inputs, compare_chip
from rampjax.interop.spice.expected import local_steps
from rampjax.interop.spice.netlist import netlist
from rampjax.interop.spice.ngspice import run_ngspice
from rampjax.montecarlo.chip import sample_chip

needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")

PAPER = rj.load_device("taox_paper")
QUIET = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)


def text_of(design, x=(0.1,), sample=0):
    return netlist(spice_circuit(design, sample_chip(design, 1, sample), np.array(x)), ["a title", "and more"])


# ---- the netlist itself


def test_every_device_is_a_row_of_the_netlist():
    circuit = Circuit(
        n_bias=8, ramp=Ramp(r_access_MOhm=1e-4, r_wire_MOhm=1e-6, q_inj_fC=0.1, g_leak_uS=3.0, v_os_V=0.001)
    )
    design = rj.design("sigmoid", 4, device=PAPER, circuit=circuit)
    text = text_of(design)
    for element, count in {"Vrow": 22, "Rmem": 22, "Racc": 22, "Sacc": 22, "Iinj": 22, "Rw": 14, "Rleak": 1}.items():
        assert len(re.findall(rf"^{element}", text, re.MULTILINE)) == count, element
    assert text.startswith("* a title\n* and more\n")
    assert text.endswith(".end\n")
    assert len(re.findall(r"^\.meas tran v_level_", text, re.MULTILINE)) == 15


def test_a_netlist_is_deterministic_and_of_its_chip():
    design = rj.design("sigmoid", 4, device=PAPER)
    assert text_of(design) == text_of(design)
    assert text_of(design) != text_of(design, sample=1)


def test_pulses_are_as_long_as_on_the_chip():
    """A lost time and a width of its own: what the trapezoid has at half height."""
    circuit = Circuit(pulse_grid=4, ramp=Ramp(t_loss_ns=0.02, sigma_tap_ns=0.01))
    design = rj.design("sigmoid", 4, device=PAPER, circuit=circuit)
    chip = sample_chip(design, 1, 0)
    rows = spice_circuit(design, chip, np.zeros(1)).rows
    taps = np.rint(design.t_pulse_ns * 4).astype(int) - 1
    expected = design.t_pulse_ns + chip.ramp.errors.tap_ns[taps] - 0.02
    np.testing.assert_allclose([row.t_pulse_ns for row in rows], expected, rtol=1e-6)
    pulses = re.findall(
        r"^Vrow\d+ row\d+ 0 PULSE\(0 \S+ \S+n (\S+)n \S+n (\S+)n\)", netlist_text(design, chip), re.MULTILINE
    )
    np.testing.assert_allclose([float(edge) + float(flat) for edge, flat in pulses], expected, rtol=1e-6)


def netlist_text(design, chip):
    return netlist(spice_circuit(design, chip, np.zeros(1)), ["pulses"])


# ---- SPICE against closed forms, no model between


@needs_ngspice
def test_spice_makes_the_charge_of_each_pulse():
    """c dV = g v t, by hand from the design's own conductances."""
    design = rj.design("tanh", 3, device=QUIET)
    found = run_ngspice(text_of(design)).measured
    rises = design.g_target_uS * 0.2 * design.t_pulse_ns / design.c_int_fF
    levels = [found[f"v_level_{k + 1}"] for k in range(7)]
    np.testing.assert_allclose(np.diff(levels), rises, rtol=5e-5)
    assert levels[0] == pytest.approx(design.start_V, abs=1e-5)  # the next pulse has begun, by an eighth of its edge


@needs_ngspice
def test_spice_leaves_the_offset_on_the_ramp_without_auto_zero():
    """The follower of the reset puts out its offset, with the sign with which it drives every pulse."""
    levels = {}
    for auto_zero in (True, False):
        ramp = Ramp(v_os_V=0.004, auto_zero=auto_zero)
        found = run_ngspice(text_of(rj.design("tanh", 3, device=QUIET, circuit=Circuit(ramp=ramp)))).measured
        levels[auto_zero] = np.array([found[f"v_level_{k + 1}"] for k in range(7)])
    np.testing.assert_allclose(levels[False] - levels[True], 0.004, atol=2e-6)
    driven = rj.design("tanh", 3, device=QUIET)
    np.testing.assert_allclose(np.diff(levels[True]) / np.diff(driven.v_ramp_V), 1 + 0.004 / 0.2, rtol=2e-4)


@needs_ngspice
def test_spice_has_the_leaky_integrator_of_a_finite_gain():
    """With gain A the capacitor's voltage follows C dV/dt = g (v - V/(A+1)): an exponential in each pulse."""
    gain = 50.0
    design = rj.design("tanh", 3, device=QUIET, circuit=Circuit(ramp=Ramp(opamp_gain=gain)))
    found = run_ngspice(text_of(design)).measured
    v = design.start_V
    for k, (g, t) in enumerate(zip(design.g_target_uS, design.t_pulse_ns, strict=True), 2):
        end = (gain + 1) * 0.2
        v = end + (v - end) * math.exp(-g * t / (design.c_int_fF * (gain + 1)))
        assert found[f"v_level_{k}"] * (1 + 1 / gain) == pytest.approx(v, abs=5e-6)


@needs_ngspice
def test_spice_decides_after_the_delay():
    comparator = Comparator(kind="continuous", t_delay_ns=0.25)
    design = rj.design("tanh", 3, device=QUIET, circuit=Circuit(comparator=comparator))
    x = design.target.thresholds[:-1] + 0.5 * np.diff(design.target.thresholds)
    circuit = spice_circuit(design, sample_chip(design, 1, 0), x)
    found = run_ngspice(netlist(circuit, ["delay"])).measured
    times = [1e9 * found[f"t_decision_{j + 1}"] for j in range(len(x))]
    np.testing.assert_allclose(times, circuit.edges_ns[1:] + 0.25, atol=1e-3)


# ---- the model against SPICE

ALL = Ramp(
    opamp_gain=400.0, v_os_V=0.001, sigma_v_os_V=0.001, sigma_c_int_rel=0.005, sigma_v_read_rel=0.005, q_inj_fC=0.05,
    sigma_q_inj_fC=0.01, t_loss_ns=0.01, sigma_t_loss_ns=0.002, sigma_tap_ns=0.005, g_leak_uS=20.0, r_access_MOhm=2e-4,
    r_wire_MOhm=1e-6, tau_settle_ns=0.08, sigma_gradient_rel=0.02,
)  # fmt: skip
FRONT = {
    "mac": Mac(sigma_gain_rel=0.005, sigma_offset_V=0.003),
    "operation": Operation(v_read_change_rel=0.1, c_corner_rel=1.1),
}
CONTINUOUS = Comparator(kind="continuous", t_delay_ns=0.3, tau_latch_ns=0.04, tau_preamp_ns=0.1, sigma_offset_V=0.003)
STROBED = dataclasses.replace(CONTINUOUS, kind="strobed", t_delay_ns=0.1)

CASES = {
    "ideal": {},
    "capacitor": {"ramp": Ramp(sigma_c_int_rel=0.02)},
    "read voltage": {"ramp": Ramp(sigma_v_read_rel=0.02)},
    "offset": {"ramp": Ramp(v_os_V=0.002, sigma_v_os_V=0.002)},
    "offset left by the reset": {"ramp": Ramp(v_os_V=0.003, sigma_v_os_V=0.002, auto_zero=False)},
    "offset left by the reset, slow amplifier": {
        "ramp": Ramp(v_os_V=0.003, auto_zero=False, opamp_gain=300.0, tau_settle_ns=0.1),
        "comparator": STROBED,
        "operation": Operation(v_read_change_rel=0.1, c_corner_rel=1.1),
        "n_bias": 12,
    },
    "gain": {"ramp": Ramp(opamp_gain=200.0)},
    "leakage": {"ramp": Ramp(opamp_gain=300.0, g_leak_uS=50.0)},
    "injection": {"ramp": Ramp(q_inj_fC=0.1, sigma_q_inj_fC=0.02)},
    "lost time": {"ramp": Ramp(t_loss_ns=0.01, sigma_t_loss_ns=0.003)},
    "widths": {"ramp": Ramp(sigma_tap_ns=0.005)},
    "resistance": {"ramp": Ramp(r_access_MOhm=5e-4, r_wire_MOhm=5e-6)},
    "gradient": {"ramp": Ramp(sigma_gradient_rel=0.05)},
    "settling": {"ramp": Ramp(tau_settle_ns=0.1)},
    "front end": {"mac": Mac(0.02, sigma_offset_V=0.005), "comparator": Comparator(sigma_offset_V=0.005)},
    "clipping": {"mac": Mac(v_clip_V=0.2)},
    "continuous": {"comparator": CONTINUOUS},
    "strobed": {"comparator": STROBED},
    "bias devices": {"n_bias": 12},
    "supply": {"operation": Operation(v_read_change_rel=0.25), "ramp": Ramp(q_inj_fC=0.1)},
    "fixed references": {"operation": Operation(v_read_change_rel=0.1, references="fixed")},
    "corners": {"operation": Operation(c_corner_rel=1.2, speed_corner_rel=1.2), "ramp": Ramp(t_loss_ns=0.01)},
    "all, continuous": {"ramp": ALL, "comparator": CONTINUOUS, **FRONT},
    "all, strobed": {"ramp": ALL, "comparator": STROBED, **FRONT},
}  # fmt: skip


def agrees(chip, lsb):
    assert chip.worst_lsb < lsb
    assert chip.worst_clocks < 0.05
    assert chip.n_wrong == 0
    assert chip.clear.sum() > 16


@needs_ngspice
@pytest.mark.parametrize("case", CASES)
def test_five_bits_agree(case):
    design = rj.design("sigmoid", 5, device=PAPER, circuit=Circuit(**CASES[case]))
    agrees(compare_chip(design, 1, 3), 1e-4 if case == "ideal" else 0.005)


@needs_ngspice
@pytest.mark.parametrize(
    "case", ["ideal", "gain", "leakage", "injection", "settling", "all, continuous", "all, strobed"]
)
def test_eight_bits_of_short_pulses_agree(case):
    circuit = Circuit(pulse_grid=16, **CASES[case])
    design = rj.design("gelu", 6 if case.startswith("all") else 8, device=PAPER, circuit=circuit)
    agrees(compare_chip(design, 2, 1, n_inputs=24), 0.005 if case == "ideal" else 0.05)


@needs_ngspice
@pytest.mark.parametrize(
    "calibration", ["one_point", "two_point", "one_point_bias", "ramp_aware", "redundant:3+two_point"]
)
def test_calibrated_chips_agree(calibration):
    ramp = dataclasses.replace(ALL, tau_settle_ns=0.0)
    n_bias = 12 if "bias" in calibration else None
    design = rj.design("gelu", 4, device=PAPER, calibration=calibration, circuit=Circuit(ramp=ramp, n_bias=n_bias))
    agrees(compare_chip(design, 1, 5), 0.005)


@needs_ngspice
def test_a_nonlinear_device_agrees():
    device = dataclasses.replace(PAPER, nonlinearity_per_V2=2.0, tc_rel_per_K=1e-3, sigma_tc_rel_per_K=2e-4)
    operation = Operation(v_read_change_rel=0.2, temperature_K=350.0)
    circuit = Circuit(ramp=Ramp(v_os_V=0.002, opamp_gain=400.0, r_access_MOhm=2e-4), operation=operation)
    agrees(compare_chip(rj.design("sigmoid", 5, device=device, circuit=circuit), 1, 0), 0.01)


@needs_ngspice
def test_a_solved_layout_agrees():
    """Several devices per step, pulses of several clocks, aims beside the thresholds."""
    circuit = Circuit(pulse_grid=4, ramp=Ramp(q_inj_fC=0.05, v_os_V=0.001))
    free = ("pulse_width", "scale", "devices")
    few = {"starts": 2, "iterations": 20, "chips": 16, "fresh_chips": 256}
    solution = rj.solve("tanh", 3, device=PAPER, free=free, max_clocks=2, max_devices=20, circuit=circuit, **few)
    assert solution.design.n_devices.max() > 1
    agrees(compare_chip(solution.design, 1, 0), 0.005)


LATE = {
    "latch": Comparator(kind="continuous", tau_latch_ns=0.1, t_delay_ns=0.3),
    "pre-amplifier": Comparator(kind="continuous", tau_preamp_ns=0.4, t_delay_ns=0.2),
    "both": Comparator(kind="continuous", tau_latch_ns=0.15, tau_preamp_ns=0.3),
    "both, crossed late": Comparator(kind="continuous", tau_latch_ns=0.3, tau_preamp_ns=0.8, t_delay_ns=1.2),
    "strobed pre-amplifier": Comparator(kind="strobed", tau_latch_ns=0.02, tau_preamp_ns=0.4),
}


@needs_ngspice
@pytest.mark.parametrize("kind", LATE)
def test_thresholds_behind_a_slow_comparator_are_where_spice_has_them(kind):
    """Inputs 0.02 local LSB on either side of each threshold of the model get different codes in SPICE."""
    device = dataclasses.replace(PAPER, sigma_prog_uS=(8.0,))
    design = rj.design("sigmoid", 4, device=device, circuit=Circuit(comparator=LATE[kind]))
    chip = sample_chip(design, 1, 0)
    aside = 0.02 * local_steps(design.target.thresholds)
    x = np.sort(np.concatenate([chip.thresholds - aside, chip.thresholds + aside]))
    assert np.abs(chip.thresholds - design.target.thresholds).max() > 10 * aside.min()
    text = netlist(spice_circuit(design, chip, x), [kind])
    found = compare_chip(design, 1, 0, text=text)
    assert (np.diff(chip.thresholds) > 2 * aside.max()).all()
    np.testing.assert_array_equal(found.spice_code, np.repeat(design.target.codes, 2)[1:-1])


# ---- it can fail


@needs_ngspice
@pytest.mark.parametrize("row", [1, 7, 30])
def test_one_conductance_off_by_two_percent_is_seen(row):
    design = rj.design("sigmoid", 5, device=PAPER)
    chip = sample_chip(design, 1, 0)
    text = netlist(spice_circuit(design, chip, chip_inputs(design, chip, 8, (0,))), ["changed"])
    r = re.search(rf"^Rmem{row} \S+ \S+ (\S+)k$", text, re.MULTILINE)
    changed = text[: r.start(1)] + f"{float(r[1]) / 1.02:.9g}" + text[r.end(1) :]
    assert compare_chip(design, 1, 0, text=text).worst_lsb < 1e-4
    assert compare_chip(design, 1, 0, text=changed).worst_lsb > 0.019


@needs_ngspice
def test_a_delay_off_by_a_tenth_of_a_clock_is_seen():
    design = rj.design(
        "sigmoid", 4, device=PAPER, circuit=Circuit(comparator=Comparator(kind="continuous", t_delay_ns=0.3))
    )
    later = dataclasses.replace(design.circuit.comparator, t_delay_ns=0.4)
    other = dataclasses.replace(design, circuit=dataclasses.replace(design.circuit, comparator=later))
    text = text_of(other, x=design.target.thresholds[:-1] + 0.5 * np.diff(design.target.thresholds))
    assert compare_chip(design, 1, 0, text=text).worst_clocks == pytest.approx(0.1, abs=1e-3)


# ---- temporal noise: many conversions, each a netlist of its own


@needs_ngspice
@pytest.mark.parametrize("source", ["read noise", "jitter", "both with a slow, leaky amplifier"])
def test_conversions_scatter_as_the_model_says(source):
    """Each read of a device and each pulse width drawn anew, 80 times: the spread of every level is `sigma_V`."""
    ramp = Ramp(sigma_jitter_ns=0.0 if source == "read noise" else 0.02)
    if "amplifier" in source:
        ramp = dataclasses.replace(ramp, opamp_gain=300.0, tau_settle_ns=0.05)
    device = dataclasses.replace(PAPER, sigma_read_uS=(0.0,) if source == "jitter" else (1.5,))
    design = rj.design("sigmoid", 3, device=device, circuit=Circuit(ramp=ramp))
    chip = sample_chip(design, 1, 0)
    circuit, rng = spice_circuit(design, chip, np.zeros(1)), np.random.default_rng(5)

    def conversion(_):
        z = rng.standard_normal((2, len(circuit.rows)))
        rows = tuple(
            dataclasses.replace(row, g_uS=row.g_uS + device.sigma_read_uS[0] * read, t_pulse_ns=row.t_pulse_ns + late)
            for row, read, late in zip(circuit.rows, z[0], ramp.sigma_jitter_ns * z[1], strict=True)
        )
        # Time for the longest pulse, so that none runs into the next.
        starts = circuit.edges_ns[0] + 1.2 * np.arange(len(rows) + 1)
        rows = tuple(dataclasses.replace(row, t_start_ns=start) for row, start in zip(rows, starts[:-1], strict=True))
        found = run_ngspice(netlist(dataclasses.replace(circuit, rows=rows, edges_ns=starts), ["noise"])).measured
        return [found[f"v_level_{k + 1}"] for k in range(7)]

    levels = np.array([conversion(n) for n in range(80)])
    np.testing.assert_allclose(levels.std(axis=0)[1:], chip.ramp.sigma_V[1:] * circuit.volts, rtol=0.3)
    assert np.mean(levels.std(axis=0)[1:] / (chip.ramp.sigma_V[1:] * circuit.volts)) == pytest.approx(1.0, abs=0.15)
