"""The ramp against its circuit, integrated numerically: capacitor, amplifier, devices, in volts on nodes.

The virtual ground x and the output y of an inverting integrator are two nodes: C d(x - y)/dt is the current into x, and
dy/dt = omega_u (p - x - y/A), where p holds the offset. Nothing of the model's own form (lag, referred volts) is used.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, linalg

import rampjax as rj
from rampjax.circuit.assemble import column_structure
from rampjax.circuit.blocks import Circuit, Ramp
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.design import Layout, lay_out
from rampjax.montecarlo.chip import sample_chip

QUIET = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)
NO_GAIN = 1e9  # stands for an infinite one


def held_and_settled(design):
    """The held staircase and the settled ramp of a design's only chip, at every level, in the model's volts."""
    column = _sample(jax.random.key(0), rj.converter_params(design), column_structure(design))
    v_V = design.v_ramp_V
    return tuple(v_V + np.asarray(each, float)[: len(v_V)] for each in (column.ramp.held_V, column.ramp.measured_V))


_sample = jax.jit(rj.sample_column, static_argnums=2)


class Nodes:
    """The circuit of a design: its two nodes, advanced phase by phase."""

    def __init__(self, design):
        self.design, self.ramp = design, design.circuit.ramp
        self.gain = self.ramp.opamp_gain or NO_GAIN
        self.k = self.gain / (self.gain + 1)
        self.tau_ns = self.ramp.tau_settle_ns
        self.c_fF = design.c_int_fF
        # Inverting; the ramp's volts are k times those of the model, as the MAC's are.
        start_V = 0.0 if design.n_bias else design.start_V
        self.x_V, self.y_V = -self.ramp.v_os_V + start_V * self.k / self.gain, -self.k * start_V

    def inject(self, fC):
        """Charge into the virtual ground, which the amplifier answers in its own time."""
        self.x_V += fC / self.c_fF
        if not self.tau_ns:
            self._settle()

    def _settle(self):
        charged_V, p = self.x_V - self.y_V, -self.ramp.v_os_V
        self.x_V = (charged_V + self.gain * p) / (1 + self.gain)
        self.y_V = self.x_V - charged_V

    def conduct(self, g_uS, r_MOhm, source_V, t_ns):
        """Linear devices: the matrix exponential of both nodes and a constant."""
        each = g_uS / (1 + g_uS * r_MOhm)
        p = -self.ramp.v_os_V
        into_x = np.array([-(each.sum() + self.ramp.g_leak_uS), 0.0, each.sum() * source_V]) / self.c_fF
        amplify = self.k / self.tau_ns * np.array([-1.0, -1.0 / self.gain, p])
        matrix = np.array([into_x + amplify, amplify, np.zeros(3)])
        self.x_V, self.y_V, _ = linalg.expm(matrix * max(t_ns, 0.0)) @ [self.x_V, self.y_V, 1.0]

    def read(self, g_uS, r_MOhm, source_V, t_pulse_ns, clocks):
        """One step: every device injects, all conduct, then they rest. Returns the held and the settled ramp."""
        t_on_ns = t_pulse_ns - self.ramp.t_loss_ns
        self.inject(self.ramp.q_inj_fC * len(g_uS))
        self.conduct(np.array(g_uS), np.array(r_MOhm), source_V, t_on_ns)
        self.conduct(np.zeros(1), np.zeros(1), 0.0, clocks * self.design.circuit.t_clk_ns - t_on_ns)
        return -self.y_V / self.k, self.x_V - self.y_V + self.ramp.v_os_V

    def levels(self):
        """(held, settled) at every level."""
        design, ramp, v_read_V = self.design, self.ramp, self.design.device.v_read_V
        last = (-self.y_V / self.k,) * 2
        for _ in range(design.n_bias):
            source_V, clocks = design.bias_sign * v_read_V, design.circuit.bias_clocks
            last = self.read([design.g_bias_uS], [ramp.r_access_MOhm], source_V, design.t_bias_ns, clocks)
        found, row = [last], 1
        for g, t, n, clocks in zip(design.g_target_uS, design.t_pulse_ns, design.n_devices, design.n_clk, strict=True):
            r_MOhm = ramp.r_access_MOhm + ramp.r_wire_MOhm * np.arange(row, row + n)
            found.append(self.read([g] * n, r_MOhm, v_read_V, t, clocks))
            row += n
        return np.array(found).T


class BentNodes(Nodes):
    """The same with nonlinear devices, i = g v (1 + b v^2)/(1 + b v_read^2), and without a lag if there is none."""

    def conduct(self, g_uS, r_MOhm, source_V, t_ns):
        if t_ns <= 0:
            return
        device, p, g_leak_uS = self.design.device, -self.ramp.v_os_V, self.ramp.g_leak_uS
        beta, at_read = device.nonlinearity_per_V2, 1 + device.nonlinearity_per_V2 * device.v_read_V**2

        def current_uA(x_V):
            v_V = np.full(len(g_uS), source_V - x_V)
            for _ in range(5):  # Newton, for the voltage across each device
                off_V = v_V + r_MOhm * g_uS * v_V * (1 + beta * v_V**2) / at_read - (source_V - x_V)
                v_V = v_V - off_V / (1 + r_MOhm * g_uS * (1 + 3 * beta * v_V**2) / at_read)
            return (g_uS * v_V * (1 + beta * v_V**2) / at_read).sum() - g_leak_uS * x_V

        def slope(_, nodes):
            x_V, y_V = nodes
            charging = current_uA(x_V) / self.c_fF
            if self.tau_ns:
                amplify = self.k / self.tau_ns * (p - x_V - y_V / self.gain)
                return charging + amplify, amplify
            return charging / (1 + self.gain), -charging * self.k

        self.x_V, self.y_V = integrate.solve_ivp(slope, (0, t_ns), (self.x_V, self.y_V), rtol=1e-9, atol=1e-12).y[:, -1]


SOURCES = {
    "lag": {},
    "gain": {"opamp_gain": 200.0},
    "leakage": {"g_leak_uS": 200.0, "v_os_V": 0.003},
    "injection": {"q_inj_fC": 0.1},
    "all": {"opamp_gain": 200.0, "g_leak_uS": 200.0, "v_os_V": 0.003, "q_inj_fC": 0.1, "t_loss_ns": 0.01},
}
COLUMNS = {"5 bits": (5, 1), "8 bits, short pulses": (8, 16)}


def off_lsb(design, nodes):
    """How far the model is off its circuit, in local steps: (held or settled, level)."""
    expected = nodes(design).levels()
    return (np.array(held_and_settled(design)) - expected) / np.gradient(design.v_ramp_V), expected


@pytest.mark.parametrize("tau_ns", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_ramp_follows_its_circuit(source, column, tau_ns):
    bits, grid = COLUMNS[column]
    circuit = Circuit(pulse_grid=grid, ramp=Ramp(tau_settle_ns=tau_ns, **SOURCES[source]))
    design = rj.design("sigmoid", bits, device=QUIET, circuit=circuit)
    off, expected = off_lsb(design, Nodes)
    assert np.abs(off).max() < 2e-4
    # And neither lag nor lost charge is small.
    assert np.abs(expected[0] - expected[1]).max() > 1e-4
    assert np.abs(expected[1] - design.v_ramp_V).max() > 1e-3


@pytest.mark.parametrize("source", ["gain", "injection", "all"])
def test_without_a_lag_it_follows_its_circuit_too(source):
    for bits, grid in COLUMNS.values():
        design = rj.design(
            "sigmoid", bits, device=QUIET, circuit=Circuit(pulse_grid=grid, ramp=Ramp(**SOURCES[source]))
        )
        off, expected = off_lsb(design, BentNodes)
        np.testing.assert_allclose(expected[0], expected[1], atol=1e-9)
        assert np.abs(off).max() < 2e-4


def test_devices_in_parallel_conduct_together_and_bias_devices_before_them():
    ramp = Ramp(tau_settle_ns=0.3, r_wire_MOhm=1e-5, **SOURCES["all"])
    closed = rj.design("sigmoid", 4)
    n_devices = np.resize([3, 1, 2], 14)
    t_pulse_ns = np.resize([0.75, 1.0, 0.5, 1.25, 1.5], 14)
    layout = Layout(0.9 * closed.scale_V, closed.c_int_fF, 0.9 * closed.v_ramp_V, t_pulse_ns, n_devices, 8, 1.25)
    device = dataclasses.replace(QUIET, g_max_uS=400.0)
    circuit = Circuit(pulse_grid=4, bias_clocks=2, ramp=ramp)
    design = lay_out(closed.target, closed.target, device, circuit, parse_calibration("none"), layout)
    off, expected = off_lsb(design, Nodes)
    assert np.abs(off).max() < 2e-4
    assert abs(expected[0, 0] - expected[1, 0]) > 1e-4


SMALL = {"v_os_V": 0.003, "opamp_gain": 300.0, "r_access_MOhm": 2e-4}
BENT = {
    "offset": ({"v_os_V": 0.003}, 1e-5),
    "gain": ({"opamp_gain": 300.0}, 1e-3),
    "resistance": ({"r_access_MOhm": 2e-4}, 1e-3),
    "all": (SMALL, 2e-3),
    # No small voltage any more: a fifth of a clock's lag is a tenth of the read voltage, and counts beyond first order.
    "lag": ({"tau_settle_ns": 0.2}, 0.03),
}


@pytest.mark.parametrize("grid", [1, 8])
@pytest.mark.parametrize("source", BENT)
def test_small_voltages_act_through_the_differential_conductance(source, grid):
    settings, within = BENT[source]
    device = dataclasses.replace(QUIET, nonlinearity_per_V2=2.0)
    design = rj.design("sigmoid", 5, device=device, circuit=Circuit(pulse_grid=grid, ramp=Ramp(**settings)))
    off, expected = off_lsb(design, BentNodes)
    assert np.abs(off).max() < within
    plain = np.array(held_and_settled(dataclasses.replace(design, device=QUIET)))
    assert np.abs((plain - expected) / np.gradient(design.v_ramp_V)).max() > 4 * within


# ---- the compiled kernel


def test_a_lag_of_nothing_makes_no_error():
    """A kernel that could lag serves a case without: nothing moves, not even in the padding."""
    for more in ({}, {"opamp_gain": 200.0}):
        design = rj.design("sigmoid", 4, device=QUIET, circuit=Circuit(ramp=Ramp(q_inj_fC=0.1, **more)))
        params, structure = rj.converter_params(design), column_structure(design)
        both = [_sample(jax.random.key(0), params, dataclasses.replace(structure, settles=on)) for on in (False, True)]
        np.testing.assert_allclose(both[0].ramp.held_V, both[1].ramp.held_V, atol=2e-7)
        assert np.isfinite(both[1].thresholds).all()


@pytest.mark.parametrize("calibration", ["two_point", "ramp_aware"])
def test_slopes_are_those_of_differences_and_finite_in_the_padding(calibration):
    ramp = Ramp(tau_settle_ns=0.3, **SOURCES["all"])
    design = rj.design("sigmoid", 3, device=QUIET, calibration=calibration, circuit=Circuit(pulse_grid=8, ramp=ramp))
    base, structure = rj.converter_params(design), column_structure(design)
    n = len(design.t_pulse_ns)
    assert base.ramp.t_pulse_ns.shape[0] > n
    weights = jnp.sin(jnp.arange(1.0, n + 2.0))

    @jax.jit
    def error(t_pulse_ns, g_uS):
        params = base._replace(ramp=base.ramp._replace(t_pulse_ns=t_pulse_ns), g_target_uS=g_uS)
        column = rj.sample_column(jax.random.key(0), params, structure)
        return jnp.sum(weights * column.ramp.held_V[: n + 1])

    at = (base.ramp.t_pulse_ns, base.g_target_uS)
    slopes = jax.jit(jax.grad(error, argnums=(0, 1)))(*at)
    assert all(np.isfinite(slope).all() for slope in slopes)
    for which, k, h in ((0, 1, 0.01), (0, n - 1, 0.01), (1, 2, 1.0)):
        moved = [tuple(v.at[k].add(sign * h) if i == which else v for i, v in enumerate(at)) for sign in (1, -1)]
        difference = (error(*moved[0]) - error(*moved[1])) / (2 * h)
        assert slopes[which][k] == pytest.approx(float(difference), rel=0.01, abs=2e-7 / h)


def test_a_sampled_chip_brings_its_held_staircase_at_every_level():
    """Without a pre-amplifier, and on a ramp that only rises, it is what comparators see."""
    circuit = Circuit(ramp=Ramp(tau_settle_ns=0.2, sigma_c_int_rel=0.01), n_bias=6)
    design = rj.design("sigmoid", 4, calibration="two_point", circuit=circuit)
    chip = sample_chip(design, 1, 7)
    assert chip.ramp.held_V.shape == chip.ramp.measured_V.shape == (15,)
    np.testing.assert_allclose(design.v_ramp_V + chip.ramp.held_V, chip.v_ramp_V, atol=1e-6)
